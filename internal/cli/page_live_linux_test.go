package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The page of a lab that runs, in a real browser: internal/web/browser/live. What it needs
// is that of internal/web's TestInBrowser.
func TestLivePage(t *testing.T) {
	const browser = "../web/browser"
	for _, needed := range []func() error{
		func() error { _, err := exec.LookPath("node"); return err },
		func() error { _, err := exec.LookPath("chromium"); return err },
		func() error { _, err := os.Stat(filepath.Join(browser, "node_modules", "playwright-core")); return err },
	} {
		if err := needed(); err != nil {
			if os.Getenv("LABLAB_BROWSER") == "require" {
				t.Fatal(err)
			}
			t.Skip("needs a browser: ", err)
		}
	}
	path := lablab(t)
	k := keep(t, path, "page", "--web=127.0.0.2:0") // leaves room for a proxy at the same port
	c := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", filepath.Join(browser, "live", "live.test.mjs"))
	c.Env = append(k.env, "LABLAB="+path, "LABLAB_NAME="+k.name)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
