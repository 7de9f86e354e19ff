package cli

import (
	"runtime/debug"
	"strings"
)

// The linker sets these in a release (scripts/release); nothing else does.
var release, commit string

// version returns this program's version and the commit that it was built from, as far as they are
// known.
func version() string {
	if release != "" {
		return versionOf(release, commit)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	return built(info)
}

// built returns what the Go command recorded: the tag, if a tagged commit was built or installed,
// and the commit, if it was built in a checkout.
func built(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision, dirty := settings["vcs.revision"], settings["vcs.modified"] == "true"
	revision = revision[:min(len(revision), 12)]
	v := strings.TrimSuffix(strings.TrimPrefix(info.Main.Version, "v"), "+dirty")
	if v == "" || v == "(devel)" || revision != "" && strings.HasSuffix(v, "-"+revision) { // no tag
		v = "devel"
	}
	if dirty {
		revision += "+dirty"
	}
	return versionOf(v, revision)
}

func versionOf(version, commit string) string {
	if commit == "" {
		return version
	}
	return version + " (commit " + commit + ")"
}
