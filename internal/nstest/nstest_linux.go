// Package nstest helps tests that need the kernel: it checks their requirements, creates namespaces
// that are closed with the test, and fails tests that leave anything behind.
package nstest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lablab/ns"
)

// unavailable is the reason why no lab can be built here. Main and Run set it before any test runs.
var unavailable error

// Main runs the tests of a package that needs the kernel, as root or as an ordinary user in a user
// namespace. It then fails if a goroutine, a namespace, a thread inside a namespace or a process is
// left.
func Main(m *testing.M) {
	if ns.IsRootless() {
		if !ns.Powerful() {
			unavailable = errPowerless
		}
		os.Exit(tested(m))
	}
	os.Exit(owning(func() int {
		if ns.Powerful() {
			return tested(m)
		}
		twin, err := ns.Rootless()
		if err == nil {
			return wait(twin)
		}
		unavailable = err
		return tested(m)
	}))
}

var errPowerless = errors.New("this machine allows no capabilities in user namespaces")

// tested runs the tests of a package that builds labs itself.
func tested(m *testing.M) int {
	code := run(m)
	if code == 0 && unavailable == nil {
		if err := leak(); err != nil {
			fmt.Fprintln(os.Stderr, "FAIL: left behind:", err)
			code = 1
		}
	}
	return code
}

func wait(twin *ns.Twin) (code int) {
	code, err := twin.Wait(nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Run runs the tests of a package that executes lablab, and returns the exit code. It fails if a
// process is left.
func Run(m *testing.M) (code int) {
	return owning(func() int {
		if !ns.Powerful() {
			unavailable = probe()
		}
		return run(m)
	})
}

// probeKey makes this program exit with a code that says whether it can build a lab.
const probeKey = "LABLAB_TEST_PROBE"

func init() {
	if os.Getenv(probeKey) != "" && ns.IsRootless() {
		if !ns.Powerful() {
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// probe returns the reason why lablab cannot build a lab in a user namespace.
func probe() error {
	_ = os.Setenv(probeKey, "1")
	defer func() { _ = os.Unsetenv(probeKey) }()
	twin, err := ns.Rootless()
	if err != nil {
		return err
	}
	if wait(twin) != 0 {
		return errPowerless
	}
	return nil
}

// run runs the tests. Under LABLAB_KERNEL=require it first lists everything that is missing.
func run(m *testing.M) int {
	addSbin()
	flag.Parse()
	if p := flag.Lookup("test.parallel"); p.Value.String() == p.DefValue { // these tests mostly wait
		_ = p.Value.Set(strconv.Itoa(3 * runtime.GOMAXPROCS(0)))
	}
	if required() {
		lacks := Missing()
		if unavailable != nil {
			lacks = strings.TrimPrefix(lacks+"\n"+why(), "\n")
		}
		if lacks != "" {
			fmt.Fprintln(os.Stderr, "LABLAB_KERNEL=require:", lacks)
			return 1
		}
	}
	return m.Run()
}

func why() string { return fmt.Sprintf("needs root or user namespaces: %v", unavailable) }

// Kernel skips the test if no lab can be built here, or fails it under LABLAB_KERNEL=require.
func Kernel(t testing.TB) {
	t.Helper()
	if unavailable != nil {
		skip(t, why())
	}
}

// HasKernel reports whether a lab can be built here.
func HasKernel() bool { return unavailable == nil }

// Lablab returns the path of the lablab command. It is built once for all tests of a package.
func Lablab(t testing.TB) string {
	t.Helper()
	path, err := lablab()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var lablab = sync.OnceValues(func() (string, error) {
	path := filepath.Join(os.Getenv(ownerKey), "lablab")
	info, known := debug.ReadBuildInfo()
	if !known {
		return "", errors.New("build lablab: the test binary has no module path")
	}
	// go run links lablab once for all packages and keeps it in the cache, unlike go build.
	if out, err := exec.Command("go", "run", "-exec", "cp", info.Main.Path, path).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build lablab: %w\n%s", err, out)
	}
	return path, nil
})

// New returns a namespace that is closed when the test ends.
func New(t testing.TB) *ns.Namespace {
	t.Helper()
	Kernel(t)
	n, err := ns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return n
}

// Output runs a program inside n and returns its output. The program must succeed.
func Output(t testing.TB, n *ns.Namespace, program string, args ...string) string {
	t.Helper()
	out, err := output(t, n, program, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return out
}

// Said runs a program inside n and returns its output, whatever the exit code.
func Said(t testing.TB, n *ns.Namespace, program string, args ...string) string {
	t.Helper()
	out, err := output(t, n, program, args...)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out
}

func output(t testing.TB, n *ns.Namespace, program string, args ...string) (string, error) {
	t.Helper()
	path := Tool(t, program)
	var out []byte
	err := n.Do(func() error {
		var err error
		out, err = exec.Command(path, args...).CombinedOutput()
		return err
	})
	return string(out), err
}

// Input runs a program inside n with stdin as its standard input.
func Input(t testing.TB, n *ns.Namespace, stdin, program string, args ...string) {
	t.Helper()
	path := Tool(t, program)
	err := n.Do(func() error {
		c := exec.Command(path, args...)
		c.Stdin = strings.NewReader(stdin)
		out, err := c.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
		return err
	})
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, stdin)
	}
}

// Busy keeps n cores busy until the test ends.
func Busy(t testing.TB, cores int) {
	t.Helper()
	for range cores {
		c := exec.Command("/bin/sh", "-c", "while :; do :; done")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	}
}

// Fingerprint returns all of the machine's network configuration that a lab might touch: links,
// addresses, routes, neighbours, rules and settings. Of the neighbours it lists only permanent
// ones: those that the kernel finds itself come and go.
func Fingerprint(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	for _, args := range [][]string{
		{"ip", "-o", "link"}, {"ip", "-o", "addr"}, {"ip", "route", "show", "table", "all"}, {"ip", "rule"},
		{"ip", "neigh", "show", "nud", "permanent"}, {"ip", "netns", "list"}, {"nft", "list", "ruleset"}, {"conntrack", "-L", "-o", "id"},
	} {
		out, err := exec.Command(Tool(t, args[0]), args[1:]...).CombinedOutput()
		if args[0] == "conntrack" { // the machine's own connections come and go
			out = bytes.Join(regexp.MustCompile(`(?m)^.*=(10\.255\.|fd).*$`).FindAll(out, -1), []byte("\n"))
		}
		fmt.Fprintf(&b, "%v: %v\n%s\n", args, err, lifetime.ReplaceAll(countdown.ReplaceAll(out, []byte("$1 … ")), []byte("…")))
	}
	_ = filepath.WalkDir("/proc/sys/net", func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !changing(path) {
			value, _ := os.ReadFile(path)
			fmt.Fprintf(&b, "%s=%s", path, value)
		}
		return nil
	})
	mounts, _ := os.ReadFile("/proc/self/mounts")
	b.Write(mounts)
	return b.String()
}

// The parts of the output that change without a lab: the remaining seconds of a conntrack entry,
// after its protocol's name and number; the lifetimes of addresses and routes; the counters of
// rules.
var (
	countdown = regexp.MustCompile(`(?m)^(\w+ +\d+) \d+ `)
	lifetime  = regexp.MustCompile(`\b\d+sec\b|packets \d+ bytes \d+`)
)

// changing reports whether a setting changes by itself: statistics, and keys that the kernel
// generates when they are first read.
func changing(path string) bool {
	for _, part := range []string{"nf_conntrack_count", "fib_trie", "tcp_fastopen_key", "stable_secret"} {
		if strings.Contains(path, part) {
			return true
		}
	}
	return false
}

// leak waits a few seconds for everything of a lab to leave this process, and reports what stays.
func leak() error {
	const patience = 10 * time.Second
	var left string
	for began := time.Now(); time.Since(began) < patience; {
		if err := goleak.Find(); err != nil {
			left = err.Error()
		} else if left = leftover(); left == "" {
			return nil
		}
		<-time.After(10 * time.Millisecond)
	}
	return fmt.Errorf("%s", left)
}

// leftover names an open namespace, or a thread inside one.
func leftover() string {
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && strings.HasPrefix(target, "net:[") {
			return "open " + target
		}
	}
	home, _ := os.Readlink("/proc/self/ns/net")
	threads, _ := filepath.Glob("/proc/self/task/*/ns/net")
	for _, thread := range threads {
		if target, err := os.Readlink(thread); err == nil && target != home {
			return "thread in " + target
		}
	}
	return ""
}
