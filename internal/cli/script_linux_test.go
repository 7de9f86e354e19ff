package cli_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"lablab/internal/cli"
	"lablab/internal/nstest"
	"lablab/lab/ns"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "lablab" { // the tests read English, whoever runs them
		_ = os.Setenv("LABLAB_LANG", "en")
		nstest.OwnLabs()
	}
	testscript.Main(m, map[string]func(){
		"lablab": func() { os.Exit(cli.Main(cli.System())) },
	})
}

// Each script in testdata/script runs the real command. It runs as whoever runs
// the tests: as root, or as an ordinary user in user namespaces.
func TestScript(t *testing.T) {
	requireLab(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			data, err := filepath.Abs("../../testdata")
			env.Setenv("DATA", data)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return ns.Powerful(), nil
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

// requireLab skips the test where lablab can run neither as root nor without, or
// fails it if LABLAB_KERNEL=require says that it must.
func requireLab(t *testing.T) {
	t.Helper()
	if ns.Powerful() || exec.Command("unshare", "--user", "--map-root-user", "--net", "true").Run() == nil {
		return
	}
	if os.Getenv("LABLAB_KERNEL") == "require" {
		t.Fatal("LABLAB_KERNEL=require: neither root nor user namespaces")
	}
	t.Skip("needs root or user namespaces")
}
