package kept_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"lablab/internal/control"
	"lablab/internal/nstest"
)

// docs/api.md describes every route, and its examples work.
func TestAPIDescription(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("../../control/routes_linux.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range regexp.MustCompile(`"(\w+) (/v1/[\w/]+)": `).FindAllSubmatch(code, -1) {
		heading := regexp.MustCompile(`(?m)^### ` + string(route[1]) + ` .*` + string(route[2]) + `\b`)
		if !heading.Match(text) {
			t.Errorf("%s %s is not described", route[1], route[2])
		}
	}
	nstest.Tool(t, "curl")
	k := keep(t, nstest.LabBuilder(t), "api")
	commands := regexp.MustCompile("(?m)^curl .*$").FindAllString(string(text), -1)
	if len(commands) < 10 {
		t.Errorf("only %d commands", len(commands))
	}
	for _, command := range commands {
		command = strings.ReplaceAll(command, "/run/lablab/lab.sock", control.Socket(k.directory, k.name))
		patience := "30"
		if strings.Contains(command, "/v1/events") {
			patience = "1"
		}
		command = strings.Replace(command, "curl ", "curl --silent --show-error --fail-with-body --max-time "+patience+" ", 1)
		out, err := exec.Command("sh", "-c", command).CombinedOutput()
		const endless = 28 // curl's exit code for a timeout
		if err != nil && (nstest.ExitCode(err) != endless || !strings.Contains(command, "/v1/events")) {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
}
