package nstest

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// programs has a line for each program that a test runs: its name and its Debian package.
//
//go:embed tools.txt
var programs string

// packages returns the Debian package of each program in tools.txt.
var packages = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(programs) {
		program, of, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[program] = of
	}
	return all
})

// Tool returns the path of a program that the test runs. If it is not installed, the test is
// skipped; under LABLAB_KERNEL=require it fails.
func Tool(t testing.TB, name string) string {
	t.Helper()
	if _, listed := packages()[name]; !listed {
		t.Fatalf("%s is not listed in internal/nstest/tools.txt", name)
	}
	path := find(name)
	if path == "" {
		skip(t, name+" is not installed")
	}
	return path
}

// find returns the path of a program, or "" if it is not installed. It looks in Debian's
// directories first, because an ordinary user's PATH has no sbin.
func find(name string) string {
	for _, place := range []string{"/usr/sbin/" + name, "/usr/bin/" + name, "/sbin/" + name, "/bin/" + name, name} {
		if path, err := exec.LookPath(place); err == nil {
			return path
		}
	}
	return ""
}

// Tools skips the test unless all these programs are installed.
func Tools(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		Tool(t, name)
	}
}

// Missing lists the programs of tools.txt that are not installed, and says how to install them. It
// is empty if all are installed.
func Missing() string { return missing(find) }

func missing(find func(string) string) string {
	var programs, from []string
	for program, of := range packages() {
		if find(program) == "" {
			programs, from = append(programs, program), append(from, of)
		}
	}
	if len(programs) == 0 {
		return ""
	}
	slices.Sort(programs)
	slices.Sort(from)
	return fmt.Sprintf("not installed: %s; apt-get install %s", strings.Join(programs, " "), strings.Join(slices.Compact(from), " "))
}

// addSbin adds sbin to PATH, so that programs started by the tests also find nft and ss.
func addSbin() { _ = os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin") }

// required reports whether every program and kernel feature must be available.
func required() bool { return os.Getenv("LABLAB_KERNEL") == "require" }

func skip(t testing.TB, reason string) {
	t.Helper()
	if required() {
		t.Fatalf("LABLAB_KERNEL=require: %s", reason)
	}
	t.Skip(reason)
}
