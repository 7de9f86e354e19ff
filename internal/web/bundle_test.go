package web

import (
	"strings"
	"testing"
	"testing/fstest"
)

func modules(texts map[string]string) fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range texts {
		files["page/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func TestModulesComeAfterThoseTheyNeed(t *testing.T) {
	got, err := bundle(modules(map[string]string{
		"a.js": "import { b, C } from './b.js';\nimport { d } from './d.js';\nb(d);\n",
		"b.js": "import { d } from './d.js';\n// b is b.\nexport function b(x) {\n  return x;\n}\nexport class C {}\n",
		"d.js": "export const d = 1;\n",
	}), "page", "a.js")
	if err != nil {
		t.Fatal(err)
	}
	const want = `'use strict';
const modules = {};
modules['d.js'] = (() => {
const d = 1;
return { d };
})();
modules['b.js'] = (() => {
const { d } = modules['d.js'];
function b(x) {
return x;
}
class C {}
return { b, C };
})();
modules['a.js'] = (() => {
const { b, C } = modules['b.js'];
const { d } = modules['d.js'];
b(d);
return {  };
})();
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestWhatCannotBeBundledIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"a default export":         "export default 1;",
		"a list of exports":        "const a = 1;\nexport { a };",
		"a variable":               "export let a = 1;",
		"another name":             "import { a as b } from './b.js';",
		"everything":               "import * as b from './b.js';",
		"a module of somebody":     "import { a } from 'https://example.org/a.js';",
		"a module of another room": "import { a } from '../a.js';",
		"a module at run time":     "  import('./b.js');",
		"the end of the script":    "const a = '</script>';",
		"a module that is not":     "import { a } from './none.js';",
		"a circle":                 "import { a } from './a.js';",
	} {
		if _, err := bundle(modules(map[string]string{"a.js": text, "b.js": "export const a = 1;"}), "page", "a.js"); err == nil {
			t.Errorf("%s (%s) is bundled", name, strings.TrimSpace(text))
		}
	}
}
