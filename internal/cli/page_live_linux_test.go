package cli_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"lablab/internal/nstest"
)

const inBrowser = "../web/browser" // the tests that run there

// The page of a lab that runs, in a real browser, as internal/web's TestInBrowser is.
func TestLivePage(t *testing.T) {
	t.Parallel()
	chromium := nstest.Browser(t, inBrowser)
	path := lablab(t)
	k := keep(t, path, "page", "--web=127.0.0.2:0") // which leaves room for a proxy at the same port
	c := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", filepath.Join(inBrowser, "live", "live.test.mjs"))
	c.Env = slices.Concat(k.env, []string{"LABLAB=" + path, "LABLAB_NAME=" + k.name, "LABLAB_CHROMIUM=" + chromium})
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
