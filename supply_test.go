package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// licences are those that a linked module may have, by their SPDX identifiers, with a sentence that
// only this one contains. All of them may be distributed together under lablab's licence.
var licences = map[string]*regexp.Regexp{
	"Apache-2.0":   regexp.MustCompile(`Apache License,?\s+Version 2\.0`),
	"MIT":          regexp.MustCompile(`Permission is hereby granted, free of charge`),
	"BSD-2-Clause": regexp.MustCompile(`(?s)Redistribution and use in source.*this list of conditions`),
	"BSD-3-Clause": regexp.MustCompile(`Neither the name of`),
}

// licencesOf returns which of the known licences a module's licence file contains.
func licencesOf(text []byte) string {
	var found []string
	for _, id := range []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT"} {
		if licences[id].Match(text) && (id != "BSD-2-Clause" || !licences["BSD-3-Clause"].Match(text)) {
			found = append(found, id)
		}
	}
	return strings.Join(found, " and ")
}

// THIRD-PARTY.md lists the modules that are linked into lablab for Linux, which has the most, with
// their licences.
func TestThirdParty(t *testing.T) {
	t.Parallel()
	c := exec.Command("go", "list", "-deps", "-json=Module", ".")
	c.Env = append(os.Environ(), "GOOS=linux")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string]string{}
	for packages := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Module *struct {
				Path, Dir string
				Main      bool
			}
		}
		if err := packages.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || p.Module.Main || linked[p.Module.Path] != "" {
			continue
		}
		files, _ := filepath.Glob(filepath.Join(p.Module.Dir, "LICENSE*"))
		if len(files) == 0 {
			t.Errorf("%s has no licence", p.Module.Path)
			continue
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if linked[p.Module.Path] = licencesOf(text); linked[p.Module.Path] == "" {
			t.Errorf("%s has another licence than those that we know", p.Module.Path)
		}
	}
	page, err := os.ReadFile("THIRD-PARTY.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([^ |]+/[^ |]+) \| ([^|]+) \|`).FindAllStringSubmatch(string(page), -1) {
		listed[row[1]] = row[2]
	}
	if diff := cmp.Diff(linked, listed); diff != "" {
		t.Errorf("linked (-), in THIRD-PARTY.md (+):\n%s", diff)
	}
}

// A tag of an action can be moved to other code, which would then run in our builds.
func TestActionsArePinned(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob(".github/*/*.yml")
	uses := regexp.MustCompile(`(?m)^\s*(?:- )?uses: *(\S+)(.*)$`)
	pinned := regexp.MustCompile(`^[^@]+@[0-9a-f]{40}$`)
	seen := 0
	for _, file := range append(files, "action.yml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, use := range uses.FindAllSubmatch(text, -1) {
			seen++
			if action := string(use[1]); action != "./" && !pinned.MatchString(action) {
				t.Errorf("%s: %s is not pinned by the hash of a commit", file, action)
			} else if action != "./" && !regexp.MustCompile(`^ +# v\d+\.\d+\.\d+$`).Match(use[2]) {
				t.Errorf("%s: %s does not say which version that is", file, action)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d actions found", seen)
	}
}
