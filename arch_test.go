package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A listed is a package as `go list` describes it. The paths of our own packages are relative to
// the module's path, whatever that is: . and ./lab.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string // direct and indirect imports
	GoFiles    []string
	Module     struct{ Path string }
}

// allowed says which of our packages each of them may import: downwards only. Every package may
// import say, which imports none of them, so that every error can be translated.
// docs/architecture.md has the diagram.
var allowed = map[string][]string{
	".":                        {"internal/cli"},
	"./internal/cli":           {"enforce", "fate", "flow", "flowlog", "internal/control", "internal/view", "internal/web", "internal/whatif", "lab", "live", "ns", "plan", "play", "render", "report", "scenario", "sg", "sim", "timeline"},
	"./internal/control":       {"enforce", "flow", "internal/serve", "lab", "play", "render", "report", "scenario", "sg", "timeline"},
	"./internal/view":          {"flow", "internal/control", "render", "report", "sg", "timeline"},
	"./internal/serve":         {},
	"./internal/web":           {"internal/serve", "render", "report", "timeline"},
	"./scripts/man":            {"internal/cli"},
	"./docs":                   {},
	"./internal/cli/contained": {},
	"./internal/cli/kept":      {},
	"./internal/nstest":        {"ns"},
	"./lab":                    {"enforce", "ns", "flow", "flow/conntrack", "nft", "nft/ruleset", "pinger", "play", "scenario", "sg", "timeline"},
	"./plan":                   {"sg"},
	"./fate":                   {"enforce", "live", "plan", "scenario", "sg"},
	"./internal/whatif":        {"fate", "live", "plan"},
	"./internal/fatetest":      {"enforce", "fate", "live", "plan", "sg"},
	"./live":                   {"flowlog", "sg"},
	"./flowlog":                {},
	"./play":                   {"enforce", "scenario", "sg", "timeline"},
	"./sim":                    {"enforce", "flow", "play", "scenario", "sg", "timeline"},
	"./lab/course":             {},
	"./ns":                     {},
	"./say":                    {},
	"./packet":                 {},
	"./nft":                    {"nft/ruleset", "ns"},
	"./nft/ruleset":            {},
	"./enforce":                {"nft/ruleset", "sg"},
	"./flow":                   {},
	"./flow/conntrack":         {"flow", "ns", "sg"},
	"./pinger":                 {"ns"},
	"./scenario":               {"enforce", "sg"},
	"./sg":                     {},
	"./timeline":               {"enforce", "flow", "sg"},
	"./report":                 {"enforce", "flow", "flowlog", "report/claims", "sg", "timeline"},
	"./internal/claimtest":     {"flow", "report", "report/claims", "sg", "timeline"},
	"./internal/modeltest":     {"enforce", "play", "report", "scenario", "sg", "timeline"},
	"./internal/recordtest":    {"timeline"},
	"./report/claims":          {},
	"./render":                 {"enforce", "flowlog", "report", "sg", "timeline"},
}

// only says which packages may import a library that accesses the kernel or runs programs.
var only = map[string][]string{
	"github.com/vishvananda/netns":                   {"./ns"},
	"github.com/vishvananda/netlink":                 {"./lab"},
	"github.com/google/nftables":                     {"./nft"},
	"github.com/ti-mo/conntrack":                     {"./flow/conntrack"},
	"github.com/prometheus-community/pro-bing":       {"./pinger"},
	"github.com/spf13/cobra":                         {"./internal/cli"},
	"github.com/spf13/cobra/doc":                     {"./scripts/man"},
	"github.com/aws/aws-sdk-go-v2/service/ec2/types": {}, // for tests: the names of EC2's members
	"go.yaml.in/yaml/v3":                             {"./sg"},
	"github.com/goccy/go-yaml":                       {"./scenario"},
	"github.com/google/jsonschema-go/jsonschema":     {"./scenario"},
	"github.com/jedib0t/go-pretty/v6/table":          {"./render"},
	"github.com/jstemmer/go-junit-report/v2/junit":   {"./render"},
	"github.com/charmbracelet/colorprofile":          {"./render", "./internal/view"},
	"charm.land/bubbletea/v2":                        {"./internal/view"},
	"github.com/pkg/errors":                          {},
	"os/exec":                                        {"./internal/nstest", "./lab"}, // lab runs the programs of a scenario
	"net/http":                                       {"./internal/control", "./internal/serve", "./internal/web"},
}

// pure says which modules may come along with a package that works without a kernel: on every
// system, and in the programs of others.
var pure = map[string][]string{
	"./say":           {"golang.org/x/text"},
	"./packet":        {"golang.org/x/text"},
	"./flow":          {"golang.org/x/text"},
	"./flowlog":       {"golang.org/x/text"},
	"./nft/ruleset":   {"golang.org/x/text"},
	"./enforce":       {"golang.org/x/text", "go.yaml.in/yaml"},
	"./sg":            {"golang.org/x/text", "go.yaml.in/yaml"},
	"./plan":          {"golang.org/x/text", "go.yaml.in/yaml"},
	"./live":          {"golang.org/x/text", "go.yaml.in/yaml"},
	"./timeline":      {"golang.org/x/text", "go.yaml.in/yaml"},
	"./report":        {"golang.org/x/text", "go.yaml.in/yaml"},
	"./report/claims": {"golang.org/x/text"},
	"./play":          {"golang.org/x/text", "go.yaml.in/yaml", "github.com/goccy/go-yaml", "github.com/google/jsonschema-go"},
	"./sim":           {"golang.org/x/text", "go.yaml.in/yaml", "github.com/goccy/go-yaml", "github.com/google/jsonschema-go"},
	"./scenario":      {"golang.org/x/text", "go.yaml.in/yaml", "github.com/goccy/go-yaml", "github.com/google/jsonschema-go"},
}

func list(t *testing.T, goos string) []listed {
	t.Helper()
	c := exec.Command("go", "list", "-json=ImportPath,Imports,Deps,GoFiles,Module", "./...")
	c.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &complaints)
	}
	var packages []listed
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = relative(p.ImportPath, p.Module.Path)
		for _, imports := range [][]string{p.Imports, p.Deps} {
			for i := range imports {
				imports[i] = relative(imports[i], p.Module.Path)
			}
		}
		packages = append(packages, p)
	}
}

// relative converts the path of a package in the module to the form of go list ./...
func relative(path, module string) string {
	if path == module {
		return "."
	}
	if below, ours := strings.CutPrefix(path, module+"/"); ours {
		return "./" + below
	}
	return path
}

func TestImportsPointDownwards(t *testing.T) {
	for _, p := range list(t, "linux") {
		may, known := allowed[p.ImportPath]
		if !known {
			t.Errorf("%s has no place in the architecture: give it one in this test and in docs/architecture.md", p.ImportPath)
		}
		for _, i := range p.Imports {
			if ours, found := strings.CutPrefix(i, "./"); found && ours != "say" && ours != "packet" && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s", p.ImportPath, i)
			}
			if owners, restricted := only[i]; restricted && !slices.Contains(owners, p.ImportPath) {
				t.Errorf("%s imports %s, which is for %v", p.ImportPath, i, owners)
			}
		}
	}
}

// Packages without a kernel stay free of it, also indirectly: they import no package of ours that
// needs one, and no library that they do not need.
func TestPurePackages(t *testing.T) {
	found := 0
	for _, p := range list(t, "linux") {
		modules, isPure := pure[p.ImportPath]
		if !isPure {
			continue
		}
		found++
		for _, i := range p.Deps {
			_, alsoPure := pure[i]
			of := func(module string) bool { return i == module || strings.HasPrefix(i, module+"/") }
			first, _, _ := strings.Cut(i, "/")
			standard := first != "." && !strings.Contains(first, ".")
			if !alsoPure && !standard && !slices.ContainsFunc(modules, of) {
				t.Errorf("%s imports %s, directly or not", p.ImportPath, i)
			}
		}
		for _, i := range []string{"os/exec", "net/http"} {
			if slices.Contains(p.Deps, i) {
				t.Errorf("%s imports %s, directly or not", p.ImportPath, i)
			}
		}
	}
	if found != len(pure) {
		t.Errorf("%d pure packages found, want %d", found, len(pure))
	}
}

// Code that compiles, prints, records and reports builds on any OS; code that needs the Linux
// kernel stays in _linux.go files.
func TestOtherSystems(t *testing.T) {
	linuxOnly := []string{"github.com/google/nftables", "github.com/ti-mo/conntrack", "github.com/vishvananda/netlink", "github.com/vishvananda/netns"}
	for _, p := range list(t, "darwin") {
		for _, i := range p.Imports {
			if slices.Contains(linuxOnly, i) {
				t.Errorf("%s imports %s on macOS", p.ImportPath, i)
			}
		}
	}
}

// No package has a meaningless name such as utils.
func TestPackageNames(t *testing.T) {
	for _, p := range list(t, "linux") {
		last := p.ImportPath[strings.LastIndex(p.ImportPath, "/")+1:]
		if slices.Contains([]string{"cmd", "pkg", "util", "utils", "types", "model", "common", "helpers"}, last) {
			t.Errorf("%s says nothing of what is in it", p.ImportPath)
		}
	}
}

// Tests run programs through nstest.Tool, which skips a test if the program is missing. The
// exceptions are programs that exist wherever the tests run, and node, which nstest.Browser looks
// for.
func TestProgramsOfTests(t *testing.T) {
	known := []string{"go", "sh", "sleep", "/proc/self/exe", "node"}
	named := regexp.MustCompile(`exec\.Command(?:Context)?\((?:t\.Context\(\), |ctx, )?"([^"]+)"`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, program := range named.FindAllSubmatch(code, -1) {
			if name := string(program[1]); !slices.Contains(known, name) {
				t.Errorf("%s runs %s: use nstest.Tool", path, name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
