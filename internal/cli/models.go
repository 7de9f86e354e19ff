package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"lablab/enforce"
	"lablab/render"
	"lablab/say"
	"lablab/scenario"
)

// modelsFlags are the flags of `lablab models`.
type modelsFlags struct{ format, colour string }

func newModels(env Env) *cobra.Command {
	var f modelsFlags
	c := &cobra.Command{
		Use:   "models [NAME]",
		Short: "List what other firewalls do to known flows when a rule changes",
		Long: `Models lists the enforcement models: what a stateful firewall does to the flows that it
knows when its rules change. Then it lists products, from clouds to Kubernetes, with the
model that their documentation or code describes.

With the name of a model or a product it explains that one: what decides about a packet,
what conntrack shows, who says so and where, and what is not documented.

It needs no privileges and works on any system.`,
		Example: `  lablab models
  lablab models cut
  lablab models cilium
  lablab models --format json`,
		Args: arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error { return f.models(env, args) },
	}
	c.Flags().StringVar(&f.format, "format", "text", "output format: text, json or markdown")
	c.Flags().StringVar(&f.colour, "color", "auto", "colours: auto, always or never")
	return c
}

// models writes the catalogue, or the part of it that the argument names.
func (f modelsFlags) models(env Env, args []string) error {
	if err := errors.Join(oneOf("--format", f.format, "text", "json", "markdown"), oneOf("--color", f.colour, "auto", "always", "never")); err != nil {
		return err
	}
	name, all := "", enforce.All()
	if len(args) == 1 {
		name = args[0]
		part, found := all.Of(name)
		if !found {
			return unknownModel(name, all)
		}
		all = part
	}
	switch {
	case f.format == "json":
		return broken(writeJSON(env.Stdout, all))
	case f.format == "markdown":
		return broken(render.NewText(env.Stdout, 0, env.Language).ModelsMarkdown(all, name))
	case name != "":
		return broken(newText(env, f.colour).Model(all, name))
	}
	return broken(newText(env, f.colour).Models(all))
}

// unknownModel says that neither a model nor a product has that name.
func unknownModel(name string, all enforce.Catalogue) error {
	hint := say.F("lablab models lists all of them")
	if alike := scenario.Alike(name, all.Names()); alike != "" {
		hint = say.F("did you mean %q?", alike)
	}
	return &usageError{say.Errorf("no model or product is called %q", name), hint}
}

// models completes the names of models and products.
func (env Env) models(_ *cobra.Command, args []string, _ string) (words []string, _ cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all := enforce.All()
	for _, d := range all.Models {
		words = append(words, d.Name+"\t"+d.Summary.In(env.Language))
	}
	for _, p := range all.Products {
		words = append(words, p.Alias+"\t"+p.Name)
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}
