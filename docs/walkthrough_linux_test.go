package docs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"lablab/internal/nstest"
)

// A walkthrough is a part of the documentation whose commands build on each other. The last command
// of a fence "console terminal" keeps running in its own terminal, and the fence may name a word
// that shows that it has started. The commands in "console session" are typed into the latest of
// these terminals.
type walkthrough struct {
	file    string
	section *regexp.Regexp
	root    bool     // needs root itself, not only a lab
	tools   []string // the programs that it runs
	wants   []string // what the user will see
	// For a text in another language: its locale, and where its fences differ from the English
	// ones.
	locale string
	words  *strings.Replacer
}

func walkthroughs() []walkthrough {
	return []walkthrough{
		{
			file: "README.md", section: regexp.MustCompile(`(?s)\n## A lab to work in\n.*?\n## `), tools: []string{"ping"},
			wants: []string{`3 packets transmitted, 0 received`, `admitted by icmp \(gone\)`, `[1-9] entr(y|ies) deleted`, `lab lab is gone`, `packets transmitted, [1-9]`},
		},
		{
			file: "README.ja.md", section: regexp.MustCompile(`(?s)\n## [^\n]*\n\n` + "`lablab up`" + `.*?\n## `), tools: []string{"ping"},
			locale: "ja_JP.UTF-8", words: strings.NewReplacer("until tracing", "until トレース中", "# 終了コード ", "# exits with "),
		},
		{
			file: "docs/lab.md", section: regexp.MustCompile(`(?s)^.*$`), tools: []string{"ping"},
			wants: []string{`A has no network ACL`, `[1-9] entr(y|ies) deleted`, `http://127.0.0.1:\d+/#`},
		},
		{
			file: "docs/ssh.md", section: regexp.MustCompile(`(?s)^.*$`), root: true, tools: []string{"ssh", "ssh-keygen", "sshd", "uptime"},
			wants: []string{`:22 .*admitted by ssh\n`, `:22 .*admitted by ssh \(gone\)\n`, `Connection timed out`, `1 entry deleted\n`, `load average`},
		},
	}
}

// A beginner who follows the documentation sees what it promises.
func TestWalkthroughs(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	for _, w := range walkthroughs() {
		t.Run(w.file, func(t *testing.T) {
			t.Parallel()
			if w.root && os.Getuid() != 0 {
				t.Skip("needs root: sshd becomes another user")
			}
			nstest.Kernel(t)
			nstest.Tools(t, w.tools...)
			text, err := os.ReadFile(w.file)
			if err != nil {
				t.Fatal(err)
			}
			work := newCheckout(t)
			section := string(w.section.Find(text))
			if w.words != nil {
				section = w.words.Replace(section)
			}
			script := "terminals=" + t.TempDir() + "\n" + scriptOf(section)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c := exec.CommandContext(ctx, "sh", "-c", script)
			c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if os.Getuid() == 0 { // its files in /run must be its own, and sessions of sshd must end with it
				c.SysProcAttr.Unshareflags, c.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS, syscall.CLONE_NEWPID
				c.Args[2] = "mount -t tmpfs none /run && mount -t proc proc /proc\n" + script
			}
			c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
			c.WaitDelay = 10 * time.Second
			c.Dir, c.Env = work.root, work.env
			if w.locale != "" {
				c.Env = append(c.Env, "LABLAB_LANG=", "LC_ALL="+w.locale)
			}
			out, err := c.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, script, out)
			}
			for _, want := range w.wants {
				if !regexp.MustCompile(want).Match(out) {
					t.Errorf("%s is not in\n%s", want, out)
				}
			}
			checkAnswers(t, section, string(out))
			work.mustBeClean(t)
		})
	}
}

// begin starts each script. However the script ends, it takes down its labs; if it fails, it shows
// the terminals.
const begin = `set -eu
others=
trap 'exit 143' HUP INT TERM
trap 'code=$?; [ $code = 0 ] || tail -n 50 "$terminals"/terminal* || :; ./lablab down --all; exit $code' EXIT
`

// scriptOf converts a walkthrough to a shell script.
func scriptOf(text string) string {
	var script strings.Builder
	script.WriteString(begin)
	terminals, typed := 0, 0
	for _, block := range regexp.MustCompile("(?s)```console( terminal(?: until ([^\n]*))?| session)?\n(.*?)```").FindAllStringSubmatch(text, -1) {
		kind, word := block[1], block[2]
		lines := strings.Split(strings.TrimSpace(block[3]), "\n")
		for i, line := range lines {
			prompt, command, found := strings.Cut(line, " ")
			command, comment, _ := strings.Cut(command, "  # ")
			switch {
			case !found || prompt != "$" && prompt != "#":
			case kind == " session":
				typed++
				script.WriteString(typeIn(terminals, command, fmt.Sprintf("typed-%d", typed), comment == "no answer"))
			case strings.HasPrefix(kind, " terminal") && i == len(lines)-1:
				terminals++
				script.WriteString(inTerminal(terminals, command, word))
			case strings.HasSuffix(command, "lablab down"):
				fmt.Fprintf(&script, "for other in $others; do kill -INT $other || :; n=0; while kill -0 $other 2>/dev/null && [ $((n += 1)) -lt 50 ]; do sleep 0.1; done; kill $other || :; wait $other || :; done\nothers=\n%s\n", command)
			case strings.HasPrefix(comment, "exits with "):
				code := strings.TrimSuffix(strings.Fields(comment)[2], ":")
				fmt.Fprintf(&script, "code=0; %s || code=$?; [ $code = %s ]\n", command, code)
			default:
				script.WriteString(command + "\n")
			}
		}
	}
	script.WriteString("cat \"$terminals\"/terminal*\n")
	return script.String()
}

// inTerminal starts a command in the terminal with that number.
func inTerminal(n int, command, word string) string {
	if strings.Contains(command, "ping A") {
		command += " -i 0.2"
	}
	text := fmt.Sprintf(`mkfifo "$terminals/keyboard%[1]d"
%[2]s <"$terminals/keyboard%[1]d" >"$terminals/terminal%[1]d" 2>&1 & pid%[1]d=$!
others="$pid%[1]d $others"
exec %[3]d>"$terminals/keyboard%[1]d"
`, n, command, n+2)
	if word != "" {
		text += until(n, word)
	}
	return text
}

// typeIn types a command into a terminal, and waits for its end, or for a second in which it must
// not end.
func typeIn(n int, command, end string, silent bool) string {
	text := fmt.Sprintf("echo '%s; echo %s' >&%d\n", command, end, n+2)
	if silent {
		return text + fmt.Sprintf("sleep 1\nif grep -q %s \"$terminals/terminal%d\"; then exit 9; fi\n", end, n)
	}
	return text + until(n, end)
}

// until waits for a word to appear on a terminal, as long as its program runs.
func until(n int, word string) string {
	return fmt.Sprintf("until grep -q '%s' \"$terminals/terminal%d\"; do kill -0 $pid%d; sleep 0.01; done\n", word, n, n)
}
