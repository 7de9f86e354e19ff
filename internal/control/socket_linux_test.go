package control

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// No client or server uses a directory where other users may put sockets.
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
	if os.Chown(cases["another's"], 12345, 12345) != nil { // in a user namespace, root cannot give files to other users
		cases["another's"] = "/usr"
		if info, err := os.Stat("/usr"); err != nil || int(info.Sys().(*syscall.Stat_t).Uid) == os.Getuid() {
			delete(cases, "another's")
		}
	}
	const want = "others can put sockets into "
	for name, directory := range cases {
		if l, err := Listen(directory, "lab"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: listens: %v, %v", name, l, err)
			continue // no server would answer
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

// An error about the directory has a hint, and nothing is left behind.
func TestUnusableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	for directory, want := range map[string]string{file: "not a directory", filepath.Join(file, "in"): "not a directory", long: "the socket path is too long: " + long} {
		l, err := Listen(directory, "lab")
		hintOf(t, err, want)
		if l != nil {
			_ = l.Close()
		}
		if directory == file {
			continue // other users can do nothing there
		}
		_, err = Names(directory)
		hintOf(t, err, want)
		client := Dial(directory, "lab")
		_, err = client.Status(t.Context())
		hintOf(t, err, want)
		client.Close()
	}
	if _, err := os.Stat(long); err == nil {
		t.Error("the long directory was made")
	}
	room := 107 - len(".sock") - len(filepath.Dir(long)) - 1
	if l, err := Listen(filepath.Dir(long), strings.Repeat("y", room)); err != nil {
		t.Error(err)
	} else if err := l.Close(); err != nil {
		t.Error(err)
	}
	_, err := Listen(filepath.Dir(long), strings.Repeat("y", room+1))
	hintOf(t, err, "too long")
}

func hintOf(t *testing.T, err error, want string) {
	t.Helper()
	var directory *DirectoryError
	if !errors.As(err, &directory) || !strings.Contains(err.Error(), want) || !strings.Contains(directory.Hint.String(), "--socket-dir") {
		t.Errorf("%v, want %s, with a hint", err, want)
	}
}

// Closing a listener twice does not free the name that the next one has taken.
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
