package kept_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"lablab/internal/nstest"
)

const inBrowser = "../../web/browser" // where those tests run

// The page of a running lab, in a real browser, like internal/web's TestInBrowser.
func TestLivePage(t *testing.T) {
	t.Parallel()
	chromium := nstest.Browser(t, inBrowser)
	path := nstest.LabBuilder(t)
	k := keep(t, path, "page", "--web=127.0.0.2:0") // 127.0.0.2 leaves the same port on 127.0.0.1 for a proxy
	c := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "--test-timeout=400000", filepath.Join(inBrowser, "live", "live.test.mjs"))
	c.Env = slices.Concat(k.env, []string{"LABLAB=" + path, "LABLAB_NAME=" + k.name, "LABLAB_CHROMIUM=" + chromium})
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
