package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
)

// choose returns the scenarios that the arguments name: built-in ones by name, or all of them;
// files; and those below directories. Many reports whether the arguments can name more than one.
func (env Env) choose(args []string) (names []string, many bool, err error) {
	many = len(args) > 1
	for _, arg := range args {
		about, err := os.Stat(arg)
		switch {
		case arg == "all":
			many = true
			names = append(names, scenario.Builtins()...)
		case isBuiltin(arg): // a built-in name wins over a file; ./ping is the file
			names = append(names, arg)
		case err == nil && about.IsDir():
			many = true
			found, err := env.below(arg)
			if err != nil {
				return nil, false, err
			}
			names = append(names, found...)
		case isFile(filepath.Clean(arg)):
			names = append(names, filepath.Clean(arg)) // drop duplicates of the same file
		default:
			names = append(names, arg)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), many, nil
}

// below returns the scenario files in a directory and below it, without hidden ones. It reports
// which YAML files it skips since they are not scenarios: directories hold other things too.
func (env Env) below(dir string) ([]string, error) {
	var found, others []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir() || !isYAML(path):
		case isOther(path):
			others = append(others, path)
		default:
			found = append(found, path)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, &usageError{say.Errorf("find scenarios: %w", err), say.F("choose a readable directory")}
	case len(found)+len(others) == 0:
		return nil, &usageError{say.Errorf("find scenarios: no *.yaml or *.yml file in %s", dir), say.F("to start one: lablab show ping > mine.yaml")}
	case len(found) == 0:
		return nil, &usageError{say.Errorf("find scenarios: no YAML file in %s is a scenario", dir), say.F("to see what is wrong with one, name it: lablab check %s", others[0])}
	case len(others) > 0:
		_, _ = fmt.Fprintln(env.Stderr, skipped(others).In(env.Language))
	}
	return found, nil
}

// skipped says which files were skipped.
func skipped(others []string) say.Sentence {
	const few = 3
	if len(others) <= few {
		return say.F("skipped, not scenarios: %s", strings.Join(lines(others), ", "))
	}
	return say.F("skipped, not scenarios: %s and %d more", strings.Join(lines(others[:few]), ", "), len(others)-few)
}

// lines returns names of files, each on one line.
func lines(names []string) []string {
	var shown []string
	for _, name := range names {
		shown = append(shown, say.Line(name))
	}
	return shown
}

// ofScenario matches a key that a scenario needs.
var ofScenario = regexp.MustCompile(`(?m)^["']?(hosts|groups|experiments)\b|^\{(?s:.*)\b(hosts|experiments)\b`)

// isOther reports whether a YAML file holds something else than a scenario: it has none of the keys
// that one needs, or is a pipe or a device or, like /proc/kmsg, says that it is empty, and so might
// never end. A file that cannot be read counts as a scenario, so that the reason is reported.
func isOther(name string) bool {
	about, err := os.Stat(name)
	if err != nil || !about.Mode().IsRegular() || about.Size() == 0 {
		return err == nil
	}
	text, _, err := contents(name)
	return err == nil && !ofScenario.Match(text)
}

// isFile reports whether an argument names a file rather than a built-in scenario.
func isFile(name string) bool {
	return isYAML(name) || strings.ContainsRune(name, filepath.Separator)
}

func isYAML(name string) bool {
	extension := strings.ToLower(filepath.Ext(strings.TrimSuffix(name, ".gz")))
	return extension == ".yaml" || extension == ".yml"
}

// load reads the scenarios. The error lists everything that cannot be read, or else everything that
// is wrong in any of them.
func load(names []string) ([]*scenario.Scenario, error) {
	var all []*scenario.Scenario
	var wrong, unread []error
	for _, name := range names {
		sc, err := loadOne(name)
		switch {
		case len(scenario.ProblemsOf(err)) > 0:
			wrong = append(wrong, err)
		case err != nil:
			unread = append(unread, err)
		default:
			all = append(all, sc)
		}
	}
	if len(unread) > 0 {
		return nil, errors.Join(unread...)
	}
	return all, errors.Join(wrong...)
}

// loadOne reads a scenario, from a file or from the built-in ones.
func loadOne(name string) (*scenario.Scenario, error) {
	if sc, found := scenario.Builtin(name); found {
		return sc, nil
	}
	if name == stdin {
		text, name, err := contents(name)
		if err != nil {
			return nil, err
		}
		return scenario.Read(name, text, scenario.Regular)
	}
	if _, err := os.Stat(name); err != nil && !isFile(name) && !strings.ContainsAny(name, "*?[") {
		return nil, unknownName(name)
	}
	sc, err := scenario.Load(name)
	if len(scenario.ProblemsOf(err)) > 0 && isOfEC2(name) {
		return nil, &usageError{
			say.Errorf("%s is not a scenario but the output of aws ec2", name),
			say.F("check it: lablab check %s; play the four experiments with one of its groups: lablab run --groups %s", name, name),
		}
	}
	if err != nil && len(scenario.ProblemsOf(err)) == 0 {
		return nil, &usageError{err, toReadAll(name, err, say.F("name a readable file, or a built-in scenario (lablab list)"))}
	}
	return sc, err
}

// unknownName says that neither a built-in scenario nor a file has that name.
func unknownName(name string) error {
	hint := scenario.DidYouMean(name, scenario.Builtins())
	if file := withEnding(name); file != "" {
		hint = say.F("did you mean %q?", file)
	}
	return &usageError{say.Errorf("no scenario or file is called %q", name), hint}
}

// withEnding returns the scenario file that is there if the ending is added to the name, or "".
func withEnding(name string) string {
	for _, ending := range []string{".yaml", ".yml"} {
		if about, err := os.Stat(name + ending); err == nil && !about.IsDir() {
			return name + ending
		}
	}
	return ""
}

// isOfEC2 reports whether a file holds what aws ec2 prints.
func isOfEC2(name string) bool {
	text, _, err := contents(name)
	return err == nil && sg.Described(text)
}

func isBuiltin(name string) bool { return slices.Contains(scenario.Builtins(), name) }

// recordNames returns a distinct file name for each scenario.
func recordNames(scenarios []*scenario.Scenario) []string {
	taken := map[string]bool{}
	var names []string
	for _, sc := range scenarios {
		name := sc.Name
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", sc.Name, n)
		}
		taken[name] = true
		names = append(names, name+".jsonl")
	}
	return names
}
