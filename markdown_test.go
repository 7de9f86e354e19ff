package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const (
	markdownWidth = 100 // columns
	readmeLines   = 160
)

// markdown lists every document of the repository.
func markdown(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 10 {
		t.Fatalf("found only %v", files)
	}
	return files
}

// prose returns a document's lines, with code blanked out.
func prose(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines, fenced := strings.Split(string(text), "\n"), false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence || fenced {
			lines[i] = ""
		}
		fenced = fenced != fence
	}
	if fenced {
		t.Errorf("%s: a code block has no end", file)
	}
	return lines
}

func TestMarkdownIsWrapped(t *testing.T) {
	unbreakable := regexp.MustCompile(`^ *(\||!?\[[^]]*\]\([^)]*\)\S*$|\S+$)`) // tables, links
	for _, file := range markdown(t) {
		if strings.HasSuffix(file, ".ja.md") {
			continue // browsers render a line break as a space, which Japanese does not use
		}
		for i, line := range prose(t, file) {
			if n := utf8.RuneCountInString(line); n > markdownWidth && !unbreakable.MatchString(line) {
				t.Errorf("%s:%d: %d columns, want at most %d: %s", file, i+1, n, markdownWidth, line)
			}
		}
	}
}

func TestReadmeIsShort(t *testing.T) {
	for _, file := range []string{"README.md", "README.ja.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n > readmeLines {
			t.Errorf("%s has %d lines, want at most %d", file, n, readmeLines)
		}
	}
}

func TestMarkdownLinksLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, file := range markdown(t) {
		for _, m := range link.FindAllStringSubmatch(strings.Join(prose(t, file), "\n"), -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, ":") {
				continue // an external link
			}
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			} else if anchor != "" && !slices.Contains(anchors(t, target), anchor) {
				t.Errorf("%s links to %s, but the anchors of %s are %q", file, m[1], target, anchors(t, target))
			}
		}
	}
}

// anchors returns the names that GitHub assigns to a document's headings.
func anchors(t *testing.T, file string) []string {
	t.Helper()
	var names []string
	seen := map[string]int{}
	for _, line := range prose(t, file) {
		level, title, found := strings.Cut(line, " ")
		if !found || strings.Trim(level, "#") != "" || level == "" {
			continue
		}
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, title)
		if n := seen[name]; n > 0 {
			names = append(names, name+"-"+strconv.Itoa(n))
		} else {
			names = append(names, name)
		}
		seen[name]++
	}
	return names
}

// Every file that the documentation names by its path exists.
func TestMarkdownNamesFilesThatExist(t *testing.T) {
	named := regexp.MustCompile("`([a-z][a-z_/-]*/[a-z_]+\\.(?:go|js|sh|yaml))`")
	found := 0
	for _, file := range markdown(t) {
		for _, m := range named.FindAllStringSubmatch(strings.Join(prose(t, file), "\n"), -1) {
			found++
			if _, err := os.Stat(m[1]); err != nil {
				t.Errorf("%s names %s: %v", file, m[1], err)
			}
		}
	}
	if found < 10 {
		t.Errorf("found only %d", found)
	}
}
