package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// testFunctions returns the tests and fuzz targets of the repository, and the directories that have
// each.
func testFunctions(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, f := range function.FindAllStringSubmatch(string(text), -1) {
			found[f[1]] = append(found[f[1]], filepath.ToSlash(filepath.Dir(path)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Each fault of docs/reliability.md has tests, and they exist.
func TestFaultsHaveTests(t *testing.T) {
	text, err := os.ReadFile("docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	known := testFunctions(t)
	named := regexp.MustCompile("`((?:Test|Fuzz)[^`]*)`")
	rows := 0
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 6 {
			continue
		}
		number, err := strconv.Atoi(strings.TrimSpace(cells[1]))
		if err != nil { // the head of the table
			continue
		}
		if rows++; number != rows {
			t.Errorf("row %d is numbered %d", rows, number)
		}
		names := named.FindAllStringSubmatch(cells[4], -1)
		if len(names) == 0 {
			t.Errorf("row %d has no test", number)
		}
		for _, name := range names {
			function, script, isScript := strings.Cut(name[1], "/")
			if known[function] == nil {
				t.Errorf("row %d: no test is called %s", number, function)
			}
			if isScript {
				if _, err := os.Stat("internal/cli/testdata/script/" + script + ".txtar"); err != nil {
					t.Errorf("row %d: %v", number, err)
				}
			}
		}
	}
	if rows != 36 {
		t.Errorf("%d rows, want 36", rows)
	}
}

// CI runs every fuzz target.
func TestFuzzTargetsRun(t *testing.T) {
	ci, err := os.ReadFile(".ci/run")
	if err != nil {
		t.Fatal(err)
	}
	for name, directories := range testFunctions(t) {
		for _, directory := range directories {
			if target := "./" + directory + "/" + name; strings.HasPrefix(name, "Fuzz") && !regexp.MustCompile(regexp.QuoteMeta(target)+`[ ;]`).Match(ci) {
				t.Errorf(".ci/run does not run %s", target)
			}
		}
	}
}
