package cli

import (
	"runtime/debug"
	"testing"
)

func TestVersionOfABuild(t *testing.T) {
	const revision = "0123456789abcdef0123456789abcdef01234567"
	for _, test := range []struct {
		name, module       string
		revision, modified string
		want               string
	}{
		{"without VCS", "(devel)", "", "", "devel"},
		{"without a version", "", "", "", "devel"},
		{"installed by tag", "v0.1.0", "", "", "0.1.0"},
		{"installed by commit", "v0.1.1-0.20261127194500-0123456789ab", "", "", "0.1.1-0.20261127194500-0123456789ab"},
		{"a checkout", "v0.0.0-20261127194500-0123456789ab", revision, "false", "devel (commit 0123456789ab)"},
		{"a checkout with changes", "v0.0.0-20261127194500-0123456789ab+dirty", revision, "true", "devel (commit 0123456789ab+dirty)"},
		{"a tagged checkout", "v0.1.0", revision, "false", "0.1.0 (commit 0123456789ab)"},
		{"a tagged checkout with changes", "v0.1.0+dirty", revision, "true", "0.1.0 (commit 0123456789ab+dirty)"},
		{"an older Go", "(devel)", revision, "true", "devel (commit 0123456789ab+dirty)"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: test.module}}
		if test.revision != "" {
			info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: test.revision}, {Key: "vcs.modified", Value: test.modified}}
		}
		if got := built(info); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
