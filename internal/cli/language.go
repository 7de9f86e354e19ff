package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lablab/say"
)

// langFlag is the flag of every command that sets the language.
const langFlag = "lang"

// speaking returns env with the user's language.
func (env Env) speaking() (Env, error) {
	var err error
	name := say.Preferred(languageFlag(env.Args), env.Getenv)
	env.Language, err = say.Speak(name)
	if len(env.Args) > 0 && strings.HasPrefix(env.Args[0], cobra.ShellCompRequestCmd) {
		return env, nil // the value is still being typed
	}
	if err != nil {
		return env, &usageError{err, say.F("choose one of: %s", strings.Join(say.Languages(), ", "))}
	}
	return env, nil
}

// languageFlag returns the value of --lang. It is needed before the commands are created, because
// their help and errors are in that language.
func languageFlag(args []string) string {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	flags.BoolP("help", "h", false, "") // without it, -h is an error
	name := flags.String(langFlag, "", "")
	flags.SetInterspersed(false)
	_ = flags.Parse(args) // the real parse reports errors
	if words := flags.Args(); len(words) > 0 {
		flags.SetInterspersed(words[0] != "exec") // the arguments after the host belong to another program
		_ = flags.Parse(words[1:])
	}
	return *name
}

// helpColumns is the maximum width of English help.
const helpColumns = 100

// speak makes a command's help use the language. It changes the commands only when help is
// requested.
func speak(l *say.Language, root *cobra.Command) {
	root.PersistentFlags().String(langFlag, "", "output language `LANG`: en or ja (default: LABLAB_LANG or the locale)")
	if l == nil { // English has spaces at which lines can wrap
		root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "Flags.FlagUsages ", fmt.Sprintf("Flags.FlagUsagesWrapped %d ", helpColumns)))
		return
	}
	help := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		translate(l, root)
		c.InitDefaultHelpFlag()
		c.Flags().Lookup("help").Usage = l.Sprintf("help for %s", c.DisplayName())
		out := c.OutOrStdout()
		var b bytes.Buffer
		c.SetOut(&b)
		help(c, args)
		c.SetOut(out)
		// pflag writes the default template itself, but a custom template ends without a newline.
		text := strings.TrimRight(b.String(), "\n")
		for _, word := range []say.Sentence{say.F(" (default "), say.F("[flags]"), say.F("[command]")} {
			text = strings.ReplaceAll(text, word.String(), word.In(l))
		}
		_, _ = fmt.Fprintln(out, text)
	})
}

// translate replaces the texts of a command and its subcommands.
func translate(l *say.Language, c *cobra.Command) {
	c.Short, c.Long, c.Example = l.Text(c.Short), l.Text(c.Long), l.Text(c.Example)
	c.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = l.Text(f.Usage) })
	c.PersistentFlags().VisitAll(func(f *pflag.Flag) { f.Usage = l.Text(f.Usage) })
	if !c.HasParent() { // subcommands inherit the template
		usage, help := c.UsageTemplate(), c.HelpTemplate()
		for _, words := range templateWords() {
			usage, help = strings.ReplaceAll(usage, words.String(), words.In(l)), strings.ReplaceAll(help, words.String(), words.In(l))
		}
		c.SetUsageTemplate(usage)
		c.SetHelpTemplate(help)
		for _, g := range c.Groups() {
			g.Title = l.Text(g.Title)
		}
	}
	for _, below := range c.Commands() {
		translate(l, below)
	}
}

// templateWords returns the words of cobra's own help template.
func templateWords() []say.Sentence {
	return []say.Sentence{
		say.F("Start with: lablab run"), say.F("Usage:"), say.F("Examples:"), say.F("Available Commands:"), say.F("Global Flags:"), say.F("Flags:"),
		say.F("Use \"{{.CommandPath}} [command] --help\" for more information about a command."),
	}
}

// flagError returns pflag's error about a flag in translatable form.
func flagError(err error) error {
	var unknown *pflag.NotExistError
	var valueless *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return say.Errorf("unknown shorthand flag: %q in -%s", unknown.GetSpecifiedName()[0], unknown.GetSpecifiedShortnames())
	case errors.As(err, &unknown):
		return say.Errorf("unknown flag: --%s", unknown.GetSpecifiedName())
	case errors.As(err, &valueless) && valueless.GetSpecifiedShortnames() != "":
		return say.Errorf("flag needs an argument: %q in -%s", valueless.GetSpecifiedName()[0], valueless.GetSpecifiedShortnames())
	case errors.As(err, &valueless):
		return say.Errorf("flag needs an argument: --%s", valueless.GetSpecifiedName())
	case errors.As(err, &invalid):
		flag := "--" + invalid.GetFlag().Name
		if short := invalid.GetFlag().Shorthand; short != "" {
			flag = "-" + short + ", " + flag
		}
		why := invalid.Unwrap()
		switch {
		case errors.Is(why, strconv.ErrRange):
			why = say.New("value out of range")
		case errors.Is(why, strconv.ErrSyntax):
			why = say.New("invalid syntax")
		}
		return say.Errorf("invalid argument %q for %q flag: %w", invalid.GetValue(), flag, why)
	}
	return err
}
