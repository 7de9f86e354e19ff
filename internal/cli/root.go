package cli

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// newRoot is the command `lablab`. A command that ran sets code.
func newRoot(env Env, code *int) *cobra.Command {
	root := &cobra.Command{
		Use:   "lablab",
		Short: "A laboratory for stateful firewalls",
		Long: `lablab shows on one Linux machine, on the kernel's own connection tracking, how a
stateful firewall such as an AWS security group behaves: it builds two hosts out
of network namespaces, gives them a security group as nftables rules, lets pings
flow between them, changes a rule, and tells from the kernel's evidence why each
packet passed or died.`,
		Version:       version(),
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetVersionTemplate("lablab {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{err: err, hint: "see " + c.CommandPath() + " --help"}
	})
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newRun(env, code))
	return root
}

// version is the module's version, or the commit that was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel " + s.Value[:12]
		}
	}
	return "devel"
}
