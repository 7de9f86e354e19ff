package cli_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

const inBrowser = "../web/browser" // the tests that run there

// The page of a lab that runs, in a real browser, as internal/web's TestInBrowser is.
func TestLivePage(t *testing.T) {
	t.Parallel()
	wanted := os.Getenv("LABLAB_BROWSER")
	if wanted == "skip" {
		t.Skip("LABLAB_BROWSER=skip")
	}
	chromium, why := browser()
	if why != nil {
		if wanted == "require" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	path := lablab(t)
	k := keep(t, path, "page", "--web=127.0.0.2:0") // which leaves room for a proxy at the same port
	c := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", filepath.Join(inBrowser, "live", "live.test.mjs"))
	c.Env = slices.Concat(k.env, []string{"LABLAB=" + path, "LABLAB_NAME=" + k.name, "LABLAB_CHROMIUM=" + chromium})
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// browser finds one, and what drives it.
func browser() (chromium string, err error) {
	_, noNode := exec.LookPath("node")
	_, noDriver := os.Stat(filepath.Join(inBrowser, "node_modules", "playwright-core"))
	chromium, noBrowser := exec.LookPath("chromium")
	if noBrowser != nil {
		chromium, noBrowser = exec.LookPath("google-chrome")
	}
	return chromium, errors.Join(noNode, noDriver, noBrowser)
}
