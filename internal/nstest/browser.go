package nstest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Browser returns the path of the browser for tests that run in node; directory has their modules.
// Without a browser or the modules the test is skipped, or fails if LABLAB_BROWSER=require.
// LABLAB_BROWSER=skip always skips it.
func Browser(t *testing.T, directory string) string {
	t.Helper()
	wanted := os.Getenv("LABLAB_BROWSER")
	if wanted == "skip" {
		t.Skip("LABLAB_BROWSER=skip")
	}
	program, why := browser(directory)
	switch {
	case why != nil && wanted == "require":
		t.Fatal(why)
	case why != nil:
		t.Skip(why)
	}
	return program
}

func browser(directory string) (string, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", errors.New("there is no node: apt-get install nodejs npm")
	}
	if _, err := os.Stat(filepath.Join(directory, "node_modules", "playwright-core")); err != nil {
		return "", errors.New("there is no playwright-core: npm ci in internal/web/browser")
	}
	// The first has no user interface, and takes half the time.
	for _, name := range []string{"chromium-headless-shell", "chromium", "google-chrome"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", errors.New("there is no browser: apt-get install chromium-headless-shell fonts-noto-cjk")
}
