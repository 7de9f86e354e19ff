package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/say"
)

// addName adds --name to a command that asks a running lab.
func addName(c *cobra.Command, name *string) {
	c.Flags().StringVar(name, "name", "", "`NAME` of the lab (required if several are running)")
}

// namedByFlag refuses the name of a lab as a word by itself.
func namedByFlag(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{say.Errorf("unexpected argument %q", args[0]), say.F("to name a lab, use a flag: %s --name %s", c.CommandPath(), args[0])}
}

// which is the lab that is meant: the one that was named, or the only one.
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

// whichToChange is the lab that is to be changed: the one that was named, or the one
// with the name that labs have unless they are given another. Whoever gave a lab a name of
// its own may not be the one who types this.
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

// alive are those of the labs that there are. One that does not answer is, too: it may be
// stopped, or busy.
func (env Env) alive(ctx context.Context, names []string) []string {
	var alive []string
	for _, name := range names {
		if _, err := env.status(ctx, name); !errors.Is(err, control.ErrNone) {
			alive = append(alive, name)
		}
	}
	return alive
}

// status asks a lab what it is, and does not wait for long.
func (env Env) status(ctx context.Context, name string) (control.Status, error) {
	const patience = time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client := env.lab(name)
	defer client.Close()
	return client.Status(ctx)
}
