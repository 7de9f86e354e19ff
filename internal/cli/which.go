package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/say"
)

// addName adds --name to a command that queries a running lab.
func addName(c *cobra.Command, name *string) {
	c.Flags().StringVar(name, "name", "", "`NAME` of the lab (required if several are running)")
	addSocketDir(c)
}

// addSocketDir adds the flag for the directory of labs' sockets.
func addSocketDir(c *cobra.Command) *socketDir {
	d := new(socketDir)
	c.Flags().Var(d, "socket-dir", "`DIR` of the labs' sockets")
	return d
}

// A socketDir is the value of --socket-dir. It goes into the environment, where the processes that
// this one starts find it too.
type socketDir string

func (d *socketDir) String() string { return string(*d) }
func (d *socketDir) Type() string   { return "DIR" }

func (d *socketDir) Set(value string) error {
	absolute, err := filepath.Abs(value)
	if err != nil {
		return err
	}
	*d = socketDir(absolute)
	return os.Setenv(control.DirectoryKey, absolute)
}

// again returns the flag as another command needs it, with a space before it, or nothing.
func (d socketDir) again() string {
	if d == "" {
		return ""
	}
	return " --socket-dir " + string(d)
}

// namedByFlag refuses a lab's name as an argument without --name.
func namedByFlag(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{say.Errorf("unexpected argument %q", args[0]), say.F("to name a lab, use a flag: %s --name %s", c.CommandPath(), args[0])}
}

// which returns the name of the lab to use: the given one, or that of the only running lab.
func (env Env) which(ctx context.Context, name string) (string, error) {
	if name != "" {
		return name, checkName(name)
	}
	names, err := control.Names(control.Directory(env.Getenv, owner()))
	if err != nil {
		return "", &brokenError{err: err}
	}
	if len(names) > 1 {
		names = env.alive(ctx, names)
	}
	switch len(names) {
	case 0:
		return defaultName, nil
	case 1:
		return names[0], checkName(names[0])
	}
	return "", &usageError{say.Errorf("several labs are running: %s", strings.Join(names, ", ")), say.F("choose one: --name %s", names[0])}
}

// whichToChange returns the name of the lab to change: the given one, or the default name. A lab
// with another name may belong to another person's work, so it must be named.
func (env Env) whichToChange(ctx context.Context, name string) (string, error) {
	if name != "" {
		return name, checkName(name)
	}
	only, err := env.which(ctx, "")
	if err == nil && only != defaultName {
		return "", &usageError{say.Errorf("the running lab is %s, and this would change it", only), say.F("to change it, name it: --name %s", only)}
	}
	return only, err
}

// alive returns the labs that are running. A lab that does not respond counts: it may be stopped,
// or busy.
func (env Env) alive(ctx context.Context, names []string) []string {
	var alive []string
	for _, name := range names {
		if _, err := env.status(ctx, name); !errors.Is(err, control.ErrNone) {
			alive = append(alive, name)
		}
	}
	return alive
}

// status queries a lab's status, with a short timeout.
func (env Env) status(ctx context.Context, name string) (control.Status, error) {
	const patience = time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client := env.lab(name)
	defer client.Close()
	return client.Status(ctx)
}
