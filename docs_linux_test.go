package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// elsewhere says where a command of the documentation is executed, if not here.
var elsewhere = map[string]string{
	"go test ./...": "by .ci/run",
	"vagrant up && vagrant ssh -c 'sudo lablab run'": "by nobody: needs a virtual machine",
}

// Every command that the documentation shows in a console works as it stands.
func TestCommandsInTheDocumentation(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	source, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	work := installed(t)
	files, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range append(files, "README.md") {
		for _, command := range consoleCommands(t, file) {
			seen++
			if _, ok := elsewhere[command]; ok {
				continue
			}
			t.Run(command, func(t *testing.T) {
				t.Parallel()
				dir := work
				if strings.HasPrefix(command, "go ") {
					dir = source
					command = strings.Replace(command, "build -o lablab", "build -o "+filepath.Join(t.TempDir(), "lablab"), 1)
				}
				// What takes a minute in the documentation need not do so here.
				command = strings.Replace(command, "--interval 1s", "--interval 20ms", 1)
				c := exec.Command("sh", "-c", command)
				c.Dir = dir
				c.Env = append(os.Environ(), "PATH="+work+":"+os.Getenv("PATH"))
				if out, err := c.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
	if seen < 8 {
		t.Errorf("only %d commands found: the documentation or this test has changed", seen)
	}
}

// installed is a directory with what the documentation supposes: lablab, the examples,
// and a sudo(8) for those who are root already, or who must do without.
func installed(t *testing.T) string {
	t.Helper()
	work := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(work, "lablab"), ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	examples, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(examples, filepath.Join(work, "testdata")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "sudo"), []byte("#!/bin/sh\nexec \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return work
}

func consoleCommands(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range walkthroughs() {
		if w.file == file {
			text = w.section.ReplaceAll(text, nil) // is executed in its order
		}
	}
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for _, line := range strings.Split(block[1], "\n") {
			if command, found := strings.CutPrefix(line, "$ "); found {
				command, _, _ = strings.Cut(command, "  # ")
				commands = append(commands, strings.TrimSpace(command))
			}
		}
	}
	return commands
}

// What the README shows of the output is what the command says.
func TestOutputInTheReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := os.ReadFile("report/testdata/ping.txt")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```text\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Fatal("the README shows no output")
	}
	// Ids and countdowns differ from run to run.
	vary := regexp.MustCompile(`conntrack id( …|\s+\d+)|\d+ s left`)
	fold := func(s string) string { return strings.Join(strings.Fields(vary.ReplaceAllString(s, "")), " ") }
	for _, block := range blocks {
		if !strings.Contains(fold(string(shown)), fold(block[1])) {
			t.Errorf("the README shows what lablab does not say:\n%s", block[1])
		}
	}
}

// What the Japanese README shows is what the command says in Japanese.
func TestOutputInTheJapaneseReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("builds lablab")
	}
	readme, err := os.ReadFile("README.ja.md")
	if err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(filepath.Join(installed(t), "lablab"), "run", "--quiet", "--interval", "1ms", "--lang", "ja").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	vary := regexp.MustCompile(`conntrack ID \d+|残り \d+ 秒`)
	fold := func(s string) string { return strings.Join(strings.Fields(vary.ReplaceAllString(s, "")), "") }
	blocks := regexp.MustCompile("(?s)```text\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 3 {
		t.Errorf("only %d blocks of output", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(fold(string(said)), fold(block[1])) {
			t.Errorf("the README shows what lablab does not say:\n%s\nbut\n%s", block[1], said)
		}
	}
}

// A test that docs/fidelity.md names as evidence must exist.
func TestFidelityNamesTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("docs/fidelity.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, dir := range []string{"sg", "nft", "lab", "internal/cli"} {
		files, _ := filepath.Glob(dir + "/*_test.go")
		for _, file := range files {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(code)
		}
	}
	names := regexp.MustCompile(`\bTest\w+`).FindAllString(string(text), -1)
	if len(names) < 20 {
		t.Fatalf("only %d tests are named", len(names))
	}
	for _, name := range names {
		if !strings.Contains(tests.String(), "func "+name+"(") {
			t.Errorf("docs/fidelity.md names %s, which is no test", name)
		}
	}
}
