package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lablab/report"
	"lablab/sg"
)

func newCheck(env Env) *cobra.Command {
	var format, colour string
	c := &cobra.Command{
		Use:   "check FILE...",
		Short: "Read security groups as EC2 describes them and say what was read",
		Long: `Check reads what these commands of the AWS CLI write, in any combination:

  aws ec2 describe-security-groups          aws ec2 describe-security-group-rules
  aws ec2 describe-network-interfaces       aws ec2 describe-prefix-lists
  aws ec2 describe-managed-prefix-lists     aws ec2 get-managed-prefix-list-entries

and says which rules there are, which of their sources can be enforced and why
others cannot, and what is probably not meant. No source is passed over. It needs
no privilege, and works on any system.`,
		Example: `  aws ec2 describe-security-groups > groups.json
  aws ec2 describe-network-interfaces > interfaces.json
  lablab check groups.json interfaces.json`,
		Args: someFiles,
		RunE: func(_ *cobra.Command, files []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			if err := oneOf("--color", colour, "auto", "always", "never"); err != nil {
				return err
			}
			account, err := readAccount(files)
			if err != nil {
				return err
			}
			check := report.CheckOf(account)
			if format == "json" {
				return broken(report.JSON(env.Stdout, check))
			}
			text := report.NewText(report.Colour(env.Stdout, colour, env.Getenv), report.Width(env.Stdout))
			return broken(text.Check(check))
		},
	}
	c.Flags().StringVar(&format, "format", "text", "what is written to standard output: text or json")
	c.Flags().StringVar(&colour, "color", "auto", "colours: auto, always or never")
	return c
}

// readAccount reads the files one after another into one account.
func readAccount(files []string) (*sg.Account, error) {
	account := &sg.Account{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, &usageError{fmt.Errorf("read security groups: %w", err), "name a file that can be read"}
		}
		err = account.Read(name, f)
		_ = f.Close()
		if err != nil {
			return nil, err
		}
	}
	return account, nil
}

// oneOf refuses a value of a flag that is none of the choices.
func oneOf(flag, value string, choices ...string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	return &usageError{fmt.Errorf("%s %q is unknown", flag, value), "choose one of: " + strings.Join(choices, ", ")}
}

// broken is an error of a command that had begun to write.
func broken(err error) error {
	if err == nil {
		return nil
	}
	return &brokenError{err: err}
}
