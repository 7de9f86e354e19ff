package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lablab/internal/cli"
	"lablab/internal/nstest"
	"lablab/ns"
)

func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); name != "lablab" && name != "forbid" { // the tests expect English, whatever the user's language
		_ = os.Setenv("LABLAB_LANG", "en")
		nstest.OwnLabs()
	}
	testscript.Main(suite{m}, map[string]func(){
		"lablab": func() { os.Exit(cli.Main(cli.System())) },
		"forbid": forbid,
	})
}

// A suite runs the tests of this package.
type suite struct{ *testing.M }

func (s suite) Run() int { return nstest.Run(s.M) }

// Each script in testdata/script runs the real command as the user who runs the tests: as root, or
// as an ordinary user in user namespaces. Scripts that need neither run everywhere.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:      "testdata/script",
		Deadline: time.Now().Add(5 * time.Minute),
		Setup: func(env *testscript.Env) error {
			data, err := filepath.Abs("../../testdata")
			env.Setenv("DATA", data)
			env.Vars = append(env.Vars, nstest.Owner())
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"unable": unable,
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return ns.Powerful(), nil
			case "kernel":
				return nstest.HasKernel(), nil
			}
			return false, errors.New("unknown condition")
		},
	})
}

// exits runs a command that must end with the exit code given first, or with one of several: 1,6 is
// for what is not judged on a busy machine.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if !slices.Contains(strings.Split(args[0], ","), strconv.Itoa(got)) {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// unable runs commands that build labs, and the doctor, by another command that denies them
// something. All of them must exit with 3, each for the same reason and with the same hint:
//
//	unable ROOTLESS ERROR HINT COMMAND…
func unable(ts *testscript.TestScript, _ bool, args []string) {
	rootless, by := args[0], args[3:]
	cause, hint := regexp.MustCompile("^error: "+args[1]+"$"), regexp.MustCompile("^hint: "+args[2]+"$")
	commands := [][]string{
		{"run", "-q"}, {"up", "-d", "--name", "unable"},
		{"probe", "--groups", ts.Getenv("DATA") + "/ec2/groups.json", "--group", "sg-0a1", "--from", "203.0.113.7", "--protocol", "tcp", "--port", "22"},
		{"doctor", "--format", "json"},
	}
	failures := make([]string, len(commands))
	var all sync.WaitGroup
	for i, command := range commands {
		all.Go(func() {
			c := exec.Command(by[0], append(append(slices.Clone(by[1:]), "lablab"), append(command, "--rootless", rootless)...)...)
			c.Dir = ts.Getenv("WORK")
			c.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"))
			var stdout, stderr bytes.Buffer
			c.Stdout, c.Stderr = &stdout, &stderr
			code := nstest.ExitCode(c.Run())
			said := [][2]string{complaint(stderr.String())}
			if command[0] == "doctor" {
				said = missing(stdout.Bytes())
			}
			if code != 3 || !slices.ContainsFunc(said, func(s [2]string) bool { return cause.MatchString(s[0]) && hint.MatchString(s[1]) }) {
				failures[i] = fmt.Sprintf("%v: exit code %d, %q, %s", command, code, said, &stderr)
			}
		})
	}
	all.Wait()
	if failed := strings.Join(failures, ""); failed != "" {
		ts.Fatalf("%s\nwant %s, %s", strings.Join(failures, "\n"), cause, hint)
	}
}

// complaint returns the two lines of an error and its hint, and nothing if there are more.
func complaint(stderr string) (lines [2]string) {
	all := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	// The race detector misses /proc, too.
	all = slices.DeleteFunc(all, func(line string) bool { return strings.HasPrefix(line, "==") })
	if len(all) == len(lines) {
		copy(lines[:], all)
	}
	return lines
}

// missing returns what the doctor found to be missing, as the lines of errors.
func missing(diagnosis []byte) (said [][2]string) {
	var d struct {
		Checks []struct{ Status, Found, Hint string }
	}
	_ = json.Unmarshal(diagnosis, &d) // what cannot be read has no findings
	for _, c := range d.Checks {
		if c.Status == "missing" {
			said = append(said, [2]string{"error: " + c.Found, "hint: " + c.Hint})
		}
	}
	return said
}
