package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lablab/internal/nstest"
)

func TestMain(m *testing.M) {
	nstest.OwnLabs()
	if err := os.Chdir(".."); err != nil { // the root of the repository
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(nstest.Run(m))
}

// elsewhere says where a command of the documentation is tested, if not here.
var elsewhere = map[string]string{
	"go test ./...": "by .ci/run",
	"git clone https://HOST/OWNER/lablab && cd lablab":                       "by who reads it",
	"sudo apt install ./lablab_*.deb":                                        "by .ci/run, in a bare system",
	"tar xzf lablab_*.tar.gz && sudo install lablab_*/lablab /usr/local/bin": "it would change this machine",
	"go build -o lablab . && sudo install lablab /usr/local/bin":             "it would change this machine",
	"echo 'source <(lablab completion bash)' >> ~/.bashrc":                   "it would change this machine",
	"sudo apt remove lablab || sudo rm /usr/local/bin/lablab":                "it would change this machine",
}

// buildsLab matches the commands that do more than read files.
var buildsLab = regexp.MustCompile(`(lablab|go run \.) (run|up|probe|doctor)\b`)

// Every command that the documentation shows in a console works as it stands, and leaves nothing
// that git sees.
func TestCommandsInTheDocumentation(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	source, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	work := newCheckout(t)
	seen, said := 0, outputs{}
	shownIn := map[string][]string{} // the files that show a command, which is run once
	for _, file := range append(files, "README.md") {
		for _, command := range consoleCommands(t, file) {
			seen++
			if _, ok := elsewhere[command]; !ok {
				shownIn[command] = append(shownIn[command], file)
			}
		}
	}
	t.Run("commands", func(t *testing.T) {
		for command, files := range shownIn {
			for _, file := range files {
				said.expect(file)
			}
			t.Run(command, func(t *testing.T) {
				t.Parallel()
				if buildsLab.MatchString(command) && !strings.HasSuffix(command, "--help") {
					nstest.Kernel(t)
				}
				if strings.Contains(command, "testdata/own/") {
					nstest.Tool(t, "nft")
				}
				dir := work.root
				if strings.HasPrefix(command, "go ") {
					dir = source
					command = strings.Replace(command, "build -o lablab", "build -o "+filepath.Join(t.TempDir(), "lablab"), 1)
				}
				// What takes a minute in the documentation need not take that long here.
				command = strings.Replace(command, "--interval 1s", "--interval 20ms", 1)
				c := exec.Command("sh", "-c", command)
				c.Dir, c.Env = dir, work.env
				out, err := c.CombinedOutput()
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
				for _, file := range files {
					said.add(file, out)
				}
			})
		}
	})
	if seen < 8 {
		t.Errorf("only %d commands found: the documentation or this test has changed", seen)
	}
	said.check(t)
	work.mustBeClean(t)
}

// A checkout contains what the documentation assumes: lablab, the examples, and a stand-in for
// sudo(8), for tests that run as root already or must do without.
type checkout struct {
	root string
	env  []string // its PATH contains lablab and sudo
}

func newCheckout(t *testing.T) *checkout {
	t.Helper()
	w := &checkout{root: t.TempDir()}
	bin, lablab := t.TempDir(), nstest.Lablab(t)
	ignored, err := os.ReadFile(".gitignore")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(filepath.Join(w.root, ".gitignore"), ignored, 0o600),
		os.CopyFS(filepath.Join(w.root, "testdata"), os.DirFS("testdata")),
		os.Symlink(lablab, filepath.Join(w.root, "lablab")),
		os.Symlink(lablab, filepath.Join(bin, "lablab")),
		os.WriteFile(filepath.Join(bin, "sudo"), []byte("#!/bin/sh\nexec \"$@\"\n"), 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	// Keep the path short: a socket's path has at most 108 bytes.
	runtime, err := os.MkdirTemp("", "docs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(runtime) })
	w.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "XDG_RUNTIME_DIR="+runtime, "LABLAB_LANG=en")
	return w
}

// mustBeClean fails the test if git sees files that the commands have written in the checkout.
func (w *checkout) mustBeClean(t *testing.T) {
	t.Helper()
	t.Run("git status", func(t *testing.T) {
		repository := "--git-dir=" + t.TempDir()
		git := func(args ...string) string {
			c := exec.Command(nstest.Tool(t, "git"), append([]string{repository}, args...)...)
			c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
			out, err := c.CombinedOutput()
			if err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
			return string(out)
		}
		git("init", "--quiet")
		git("--work-tree=.", "add", ".gitignore", "testdata")
		status := git("--work-tree="+w.root, "status", "--porcelain", "--untracked-files=all")
		for line := range strings.Lines(status) {
			if !strings.HasPrefix(line, "A  ") { // not a file that we added and that is unchanged
				t.Errorf("git sees %s", line)
			}
		}
		if !strings.Contains(status, "testdata/ping.jsonl") {
			t.Errorf("git does not see the checkout:\n%s", status)
		}
	})
}

func consoleCommands(t *testing.T, file string) []string {
	t.Helper()
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(outsideWalkthroughs(t, file), -1) {
		for _, line := range strings.Split(block[1], "\n") {
			if command, found := strings.CutPrefix(line, "$ "); found {
				command, _, _ = strings.Cut(command, "  # ")
				commands = append(commands, strings.TrimSpace(command))
			}
		}
	}
	return commands
}

// outsideWalkthroughs returns a file without the sections whose commands are executed in order.
func outsideWalkthroughs(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range walkthroughs() {
		if w.file == file {
			text = w.section.ReplaceAll(text, nil)
		}
	}
	return string(text)
}

// The output in the README is what the command prints.
func TestOutputInTheReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := os.ReadFile("render/testdata/ping.txt")
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

// The output in the Japanese README is what the command prints in Japanese.
func TestOutputInTheJapaneseReadme(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds lablab")
	}
	readme, err := os.ReadFile("README.ja.md")
	if err != nil {
		t.Fatal(err)
	}
	nstest.Kernel(t)
	said, err := exec.Command(nstest.Lablab(t), "run", "--quiet", "--interval", "1ms", "--lang", "ja").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	vary := regexp.MustCompile(`conntrack ID \d+|タイムアウトまで \d+ 秒`)
	fold := func(s string) string { return strings.Join(strings.Fields(vary.ReplaceAllString(s, "")), "") }
	blocks := regexp.MustCompile("(?s)```text\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Error("README.ja.md shows no output")
	}
	for _, block := range blocks {
		if !strings.Contains(fold(string(said)), fold(block[1])) {
			t.Errorf("the README shows what lablab does not say:\n%s\nbut\n%s", block[1], said)
		}
	}
}

// Each test that docs/fidelity.md names as evidence must exist.
func TestFidelityNamesTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("docs/fidelity.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, dir := range []string{"sg", "enforce", "nft", "flowlog", "report", "sim", "lab", "lab/course", "internal/cli", "internal/cli/contained", "internal/cli/kept"} {
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
