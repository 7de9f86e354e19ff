package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Notices are the licences of what is linked into a binary: each text with the modules that have
// it.
type notices []notice

type notice struct {
	of   []string // modules with their versions
	text string
}

var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)`)

// notices reads the licences of a binary's modules from Go's module cache and GOROOT.
func (r release) notices(info *buildinfo.BuildInfo) (all notices, err error) {
	goroot, err := output(r.top, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	if err := all.add("Go "+strings.TrimPrefix(info.GoVersion, "go"), goroot); err != nil {
		return nil, err
	}
	args := []string{"list", "-m", "-json"}
	for _, m := range info.Deps {
		args = append(args, m.Path)
	}
	listed, err := output(r.top, "go", args...)
	if err != nil {
		return nil, err
	}
	modules := json.NewDecoder(strings.NewReader(listed))
	for {
		var m struct{ Path, Version, Dir string }
		if err := modules.Decode(&m); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		if err := all.add(m.Path+" "+m.Version, m.Dir); err != nil {
			return nil, err
		}
	}
}

// add adds a module's licence files from a directory. We may not distribute a module without a
// licence.
func (all *notices) add(module, directory string) error {
	files, err := os.ReadDir(directory)
	if err != nil {
		return err
	}
	found := false
	for _, f := range files {
		if f.IsDir() || !legal.MatchString(f.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(directory, f.Name()))
		if err != nil {
			return err
		}
		found = true
		all.put(module, strings.TrimSpace(string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))))
	}
	if !found {
		return fmt.Errorf("%s has no licence in %s", module, directory)
	}
	return nil
}

func (all *notices) put(module, text string) {
	for i, n := range *all {
		if n.text == text {
			(*all)[i].of = append(n.of, module)
			return
		}
	}
	*all = append(*all, notice{[]string{module}, text})
}

// write formats the notices. shorten replaces a text by what stands for it.
func (all notices) write(shorten func(string) string) []byte {
	var b bytes.Buffer
	b.WriteString("lablab's program contains the following software.\n")
	for _, n := range all {
		fmt.Fprintf(&b, "\n%s\n\n%s\n\n%s\n", strings.Repeat("-", 78), strings.Join(n.of, "\n"), shorten(n.text))
	}
	return b.Bytes()
}

// whole shortens nothing.
func whole(text string) string { return text }

var apache = regexp.MustCompile(`^Apache License\s+Version 2\.0, January 2004\s`)

// debian replaces the Apache License by a reference to Debian's copy of it.
func debian(text string) string {
	if !apache.MatchString(text) {
		return text
	}
	return "Apache License, Version 2.0. On Debian systems its text is in\n/usr/share/common-licenses/Apache-2.0."
}

// copyright returns a package's copyright file in Debian's format.
func (r release) copyright(p product) []byte {
	var b bytes.Buffer
	b.WriteString("lablab: a laboratory for stateful firewalls\n")
	if home := r.homepage(); home != "" {
		b.WriteString("Source: " + home + "\n")
	}
	b.WriteByte('\n')
	b.Write(p.extras.licence)
	b.WriteByte('\n')
	b.Write(p.notices.write(debian))
	return b.Bytes()
}
