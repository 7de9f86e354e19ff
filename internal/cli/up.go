package cli

import (
	"errors"
	"net"
	"regexp"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"lablab/internal/web"
	"lablab/say"
	"lablab/scenario"
)

// defaultName is the name of a lab without --name.
const defaultName = "lab"

// upFlags are the flags of `lablab up`.
type upFlags struct {
	name, colour, rootless string
	sockets                *socketDir
	detach, plain          bool
	language               string
	file                   string // a scenario's name or file
	web                    string // address and port of the page, or empty
}

func newUp(env Env, code *int) *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use:   "up [NAME|FILE] [--web [127.0.0.1:PORT]]",
		Short: "Start a lab and keep it running, for use from other terminals",
		Long: `Up builds the hosts and groups of a scenario (ping by default) and keeps them running:
run programs in them with lablab exec, change rules with lablab authorize and revoke, and
see what happens to connections with lablab flows.

The lab lives in this process. When it ends, by Ctrl-C, lablab down or otherwise,
everything is gone. Only you can reach it.

On a terminal it shows the lab live: rules with hit counts, streams, conntrack entries
and verdicts. Keys, always listed at the bottom, change the lab.

With --web it also serves a page that shows the lab live and can change it. It is served
on a loopback address, to anyone with the printed URL, which contains a secret token.`,
		Example: `  sudo lablab up
  sudo lablab exec B -- ping A
  sudo lablab revoke icmp
  sudo lablab flows A
  sudo lablab up --web`,
		Args: arguments(0, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			args, err := f.webFrom(args)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				f.file = args[0]
			}
			f.language = env.Language.Name()
			err = errors.Join(checkName(f.name), oneOf("--color", f.colour, "auto", "always", "never"), oneOf("--rootless", f.rootless, "auto", "always", "never"))
			if err != nil {
				return err
			}
			*code, err = up(env, f)
			return err
		},
	}
	c.Flags().StringVar(&f.name, "name", defaultName, "name the lab `NAME`")
	f.sockets = addSocketDir(c)
	c.Flags().BoolVarP(&f.detach, "detach", "d", false, "run in the background")
	c.Flags().BoolVar(&f.plain, "plain", false, "print one line per event, also on a terminal")
	c.Flags().StringVar(&f.web, "web", "", "serve the page at `ADDRESS:PORT` (default: 127.0.0.1 and any free port)")
	c.Flags().Lookup("web").NoOptDefVal = anyPort
	c.Flags().StringVar(&f.colour, "color", "auto", "colours: auto, always or never")
	c.Flags().StringVar(&f.rootless, "rootless", "auto", "use a user namespace: auto (when not root), always, never")
	return c
}

// anyPort is the page's address if --web has no value.
const anyPort = "127.0.0.1:0"

// webFrom takes the value of --web out of the arguments if it is a word of its own (--web
// 127.0.0.1:8080, or only the port). It refuses an address that other machines can reach.
func (f *upFlags) webFrom(args []string) ([]string, error) {
	i := slices.IndexFunc(args, func(a string) bool {
		_, port, err := net.SplitHostPort(a)
		return isPort(a) || err == nil && isPort(port)
	})
	if f.web == anyPort && i >= 0 {
		f.web, args = args[i], slices.Delete(slices.Clone(args), i, i+1)
	}
	if isPort(f.web) {
		f.web = net.JoinHostPort("127.0.0.1", f.web)
	}
	if len(args) > 1 {
		return nil, &usageError{say.Errorf("up takes one scenario, not %d", len(args)), say.F("see lablab up --help")}
	}
	if f.web == "" {
		return args, nil
	}
	if err := web.CheckAddress(f.web); err != nil {
		return nil, &usageError{say.Errorf("--web: %w", err), say.F("the page can change the lab, so only this machine may open it: --web 127.0.0.1:8080; from another machine: ssh -L 8080:127.0.0.1:8080")}
	}
	return args, nil
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// again returns the arguments of the same command in the foreground.
func (f upFlags) again() []string {
	args := []string{"up", "--name", f.name, "--color", "never", "--rootless", f.rootless, "--" + langFlag, f.language}
	if f.web != "" {
		args = append(args, "--web="+f.web)
	}
	if f.file != "" {
		args = append(args, f.file)
	}
	return args
}

// scenario returns the scenario that provides the lab's hosts and groups.
func (f upFlags) scenario() (*scenario.Scenario, error) {
	if f.file == "" {
		return scenario.FourExperiments(), nil
	}
	return loadOne(f.file)
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$`)

func checkName(name string) error {
	if validName.MatchString(name) {
		return nil
	}
	return &usageError{say.Errorf("%q is not a valid lab name", name), say.F("use letters, digits, - and _, at most 31 in all")}
}
