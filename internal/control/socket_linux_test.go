package control

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nobody asks, or serves, in a directory where others may put sockets.
func TestForeignDirectory(t *testing.T) {
	open, real := filepath.Join(t.TempDir(), "open"), t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	cases := map[string]string{"others may write": open, "a link": link}
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	cases["another's"] = t.TempDir()
	if os.Chown(cases["another's"], 12345, 12345) != nil { // root in a user namespace knows no others
		cases["another's"] = "/usr"
	}
	const want = "others may put sockets into "
	for name, directory := range cases {
		if l, err := Listen(directory, "lab"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: listens: %v, %v", name, l, err)
		}
		if _, err := Names(directory); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: lists: %v", name, err)
		}
		client := Dial(directory, "lab")
		if _, err := client.Status(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "http://") {
			t.Errorf("%s: asks: %v", name, err)
		}
		client.Close()
	}
	if names, err := Names(filepath.Join(real, "none")); err != nil || len(names) > 0 {
		t.Errorf("none: %v, %v", names, err)
	}
}

// Who has closed a listener does not take the name from the next.
func TestNameIsFreedOnce(t *testing.T) {
	directory := t.TempDir()
	first, err := Listen(directory, "lab")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := Listen(directory, "lab")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	_ = first.Close()
	if third, err := Listen(directory, "lab"); err == nil {
		_ = third.Close()
		t.Error("two have one name")
	}
}
