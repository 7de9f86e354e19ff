package web

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"lablab/say"
)

// bundle joins an entry and the modules that it imports into one script, each module after
// those it needs. A module becomes a function that returns its exports. It leaves out
// indentation and comments on lines of their own. bundle understands only the forms that the page
// uses, and refuses any other:
//
//	import { a, b } from './other.js';
//	export function f …   export class C …   export const c = …
func bundle(files fs.FS, dir, entry string) (string, error) {
	b := bundler{files: files, dir: dir}
	if err := b.add(entry); err != nil {
		return "", say.Errorf("bundle %s: %w", entry, err)
	}
	return "'use strict';\nconst modules = {};\n" + b.script.String(), nil
}

type bundler struct {
	files       fs.FS
	dir         string
	begun, done []string
	script      strings.Builder
}

var (
	imported = regexp.MustCompile(`^import \{ (\w+(?:, \w+)*) \} from '\./([\w]+\.js)';$`)
	exported = regexp.MustCompile(`^export ((?:async )?function|class|const) (\w+)(.*)$`)
	refused  = regexp.MustCompile(`^(import|export)\b|^\s*import\(|</script`)
)

func (b *bundler) add(name string) error {
	if slices.Contains(b.done, name) {
		return nil
	}
	if slices.Contains(b.begun, name) {
		return say.Errorf("%s imports itself through other files", name)
	}
	b.begun = append(b.begun, name)
	source, err := fs.ReadFile(b.files, path.Join(b.dir, name))
	if err != nil {
		return err
	}
	var body strings.Builder
	var exports []string
	for i, line := range strings.Split(strings.TrimRight(string(source), "\n"), "\n") {
		if m := imported.FindStringSubmatch(line); m != nil {
			if err := b.add(m[2]); err != nil {
				return err
			}
			line = fmt.Sprintf("const { %s } = modules['%s'];", m[1], m[2])
		} else if m := exported.FindStringSubmatch(line); m != nil {
			exports = append(exports, m[2])
			line = m[1] + " " + m[2] + m[3]
		} else if refused.MatchString(line) {
			return say.Errorf("%s:%d: %q cannot be bundled", name, i+1, line)
		}
		if line = strings.TrimLeft(line, " "); line != "" && !strings.HasPrefix(line, "//") {
			body.WriteString(line + "\n")
		}
	}
	fmt.Fprintf(&b.script, "modules['%s'] = (() => {\n%sreturn { %s };\n})();\n", name, &body, strings.Join(exports, ", "))
	b.done = append(b.done, name)
	return nil
}
