package docs

import (
	"regexp"
	"strings"
	"sync"
	"testing"
)

var (
	answerBlock = regexp.MustCompile("(?s)```answer\n(.*?)```")
	number      = regexp.MustCompile(`\d+`)
)

// checkAnswers fails if the documentation shows an answer that the commands did not print. Numbers
// differ from run to run.
func checkAnswers(t *testing.T, text, out string) {
	t.Helper()
	fold := func(s string) string {
		return strings.Join(strings.Fields(number.ReplaceAllString(s, "0")), " ")
	}
	printed := fold(out)
	for _, block := range answerBlock.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			if !strings.Contains(printed, fold(line)) {
				t.Errorf("no command prints\n%sbut\n%s", line, out)
			}
		}
	}
}

// outputs holds what the commands of each file print.
type outputs struct {
	mu      sync.Mutex
	pending map[string]int
	text    map[string]string
}

func (o *outputs) expect(file string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending == nil {
		o.pending, o.text = map[string]int{}, map[string]string{}
	}
	o.pending[file]++
}

func (o *outputs) add(file string, out []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending[file]--
	o.text[file] += string(out)
}

// check compares the answers in the files whose commands were all executed.
func (o *outputs) check(t *testing.T) {
	for file, pending := range o.pending {
		if pending == 0 {
			checkAnswers(t, outsideWalkthroughs(t, file), o.text[file])
		}
	}
}
