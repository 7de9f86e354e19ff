package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"lablab/internal/cli"
	"lablab/say"
)

// Japanese has no blanks at which help could be broken, so its messages say where lines end.
func TestJapaneseHelpFits(t *testing.T) {
	const columns = 100
	lablab := filepath.Join(installed(t), "lablab")
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		args := append(strings.Fields(c.CommandPath())[1:], "--help", "--lang", "ja")
		out, err := exec.Command(lablab, args...).Output()
		if err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		for line := range strings.Lines(string(out)) {
			if example := strings.HasPrefix(line, "  lablab "); !example && say.Width(strings.TrimRight(line, "\n")) > columns {
				t.Errorf("%s: wider than %d columns: %s", c.CommandPath(), columns, line)
			}
		}
		for _, below := range c.Commands() {
			each(below)
		}
	}
	each(cli.Commands())
}

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
