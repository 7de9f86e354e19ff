package cli_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lablab/internal/cli"
	"lablab/internal/nstest"
	"lablab/ns"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "lablab" { // the tests expect English, whatever the user's language
		_ = os.Setenv("LABLAB_LANG", "en")
		nstest.OwnLabs()
	}
	testscript.Main(suite{m}, map[string]func(){
		"lablab": func() { os.Exit(cli.Main(cli.System())) },
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
			"exits": exits,
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

// exits runs a command that must end with the exit code given first.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
