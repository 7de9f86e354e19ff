package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Changes are the points of one version in CHANGELOG.md, each a paragraph.
type changes []string

// changesOf finds a version's changes. For a snapshot these are the unreleased ones.
func changesOf(changelog []byte, version string) (changes, error) {
	title := version
	if strings.Contains(version, "-") { // a pre-release
		title = "Unreleased"
	}
	var found bool
	var points changes
	for line := range strings.Lines(string(changelog)) {
		line = strings.TrimRight(line, "\n")
		if heading, is := strings.CutPrefix(line, "## "); is {
			if found {
				break
			}
			found = regexp.MustCompile(`^\[?v?` + regexp.QuoteMeta(title) + `(\]|\s|$)`).MatchString(heading)
			continue
		}
		switch point, is := strings.CutPrefix(line, "- "); {
		case !found:
		case is:
			points = append(points, point)
		case strings.TrimSpace(line) != "" && len(points) > 0 && line[0] == ' ':
			points[len(points)-1] += " " + strings.TrimSpace(line)
		}
	}
	if len(points) == 0 && title == version {
		return nil, fmt.Errorf("read CHANGELOG.md: no change below a heading ## %s", version)
	}
	if len(points) == 0 { // nothing since the last release
		points = changes{"A snapshot."}
	}
	return points, nil
}

// debian formats the changes as a changelog for Debian's tools.
func (c changes) debian(version, maintainer string, date time.Time) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "lablab (%s) unstable; urgency=medium\n\n", version)
	for _, point := range c {
		for i, line := range wrap(point, 76) {
			b.WriteString([]string{"    ", "  * "}[btoi(i == 0)] + line + "\n")
		}
	}
	fmt.Fprintf(&b, "\n -- %s  %s\n", maintainer, date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	return []byte(b.String())
}

// wrap breaks a paragraph into lines.
func wrap(text string, width int) (lines []string) {
	for _, word := range strings.Fields(text) {
		if last := len(lines) - 1; last >= 0 && len(lines[last])+1+len(word) <= width {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
