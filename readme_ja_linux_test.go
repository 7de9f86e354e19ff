package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// What the Japanese README shows of a lab is what a Japanese locale prints. Numbers differ from run to run.
func TestLabOfTheJapaneseReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	text, err := os.ReadFile("README.ja.md")
	if err != nil {
		t.Fatal(err)
	}
	section := string(regexp.MustCompile(`(?s)\n## [^\n]*\n\n` + "`lablab up`" + `.*?\n## `).Find(text))
	answers := regexp.MustCompile("(?s)```answer\n(.*?)```").FindAllStringSubmatch(section, -1)
	if len(answers) == 0 {
		t.Fatal("README.ja.md shows no answer")
	}
	// The fences are those of README.md; the words are Japanese.
	script := scriptOf(strings.NewReplacer("until tracing", "until トレース中", "# 終了コード ", "# exits with ").Replace(section))
	c := exec.Command("timeout", "60", "sh", "-c", script)
	if os.Getuid() == 0 { // the machine's own labs, and those of other tests, are elsewhere
		c = exec.Command("timeout", "60", "unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run\n"+script)
	}
	c.Dir = installed(t)
	c.Env = append(os.Environ(), "PATH="+c.Dir+":"+os.Getenv("PATH"), "XDG_RUNTIME_DIR="+t.TempDir(), "LABLAB_LANG=", "LC_ALL=ja_JP.UTF-8")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, out)
	}
	fold := func(s string) string {
		return strings.Join(strings.Fields(regexp.MustCompile(`\d+`).ReplaceAllString(s, "0")), " ")
	}
	for _, answer := range answers {
		for line := range strings.Lines(answer[1]) {
			if !strings.Contains(fold(string(out)), fold(line)) {
				t.Errorf("no command prints\n%sbut\n%s", line, out)
			}
		}
	}
}
