package main

import (
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// A product is lablab for one target: the program and what comes with it.
type product struct {
	target   target
	binary   string // path of the program
	extras   extras
	notices  notices  // of the modules in the binary
	licences []string // names of the licences, the product's own first
}

// Extras are the files that are the same for all targets.
type extras struct {
	manuals     map[string][]byte // by name, such as lablab-run.1
	completions map[string][]byte // by shell
	documents   map[string][]byte // by path in the repository
	licence     []byte
	changes     changes
}

func (r release) product(t target, e extras) (product, error) {
	p := product{target: t, binary: filepath.Join(r.work, t.String(), "lablab"), extras: e}
	if err := r.build(t, p.binary); err != nil {
		return p, err
	}
	info, err := buildinfo.ReadFile(p.binary)
	if err != nil {
		return p, err
	}
	if p.notices, err = r.notices(info); err != nil {
		return p, err
	}
	p.licences, err = r.bill(p)
	return p, err
}

// build makes a static binary. It keeps Go from embedding git's state, so that a rebuild from
// another clone, with other tags, gives the same binary.
func (r release) build(t target, path string) error {
	flags := fmt.Sprintf("-s -w -buildid= -X %[1]s/internal/cli.release=%[2]s -X %[1]s/internal/cli.commit=%[3]s", r.module, r.version, r.commit)
	_, err := outputWith(r.top, []string{"CGO_ENABLED=0", "GOFLAGS=", "GOOS=" + t.os, "GOARCH=" + t.arch, "GOAMD64=v1", "GO386=sse2", "GOARM64=v8.0"},
		"go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", path, ".")
	return err
}

// extras runs lablab itself to get its manual pages and completions.
func (r release) extras() (e extras, err error) {
	binary, manuals := filepath.Join(r.work, "own", "lablab"), filepath.Join(r.work, "man")
	if err := r.build(target{runtime.GOOS, runtime.GOARCH}, binary); err != nil {
		return e, err
	}
	e.completions = map[string][]byte{}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script, err := outputWith(r.top, []string{"LABLAB_LANG=en"}, binary, "completion", shell)
		if err != nil {
			return e, err
		}
		e.completions[shell] = []byte(script + "\n")
	}
	epoch := "SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.date.Unix(), 10)
	if _, err := outputWith(r.top, []string{epoch}, "go", "run", "./scripts/man", manuals); err != nil {
		return e, err
	}
	if e.manuals, err = read(manuals, "*.1"); err != nil {
		return e, err
	}
	if e.documents, err = read(r.top, "*.md", "docs/*.md"); err != nil {
		return e, err
	}
	if e.licence, err = os.ReadFile(filepath.Join(r.top, "LICENSE")); err != nil {
		return e, err
	}
	e.changes, err = changesOf(e.documents["CHANGELOG.md"], r.version)
	return e, err
}

// read returns the files in a directory that match a pattern, by their relative path.
func read(directory string, patterns ...string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(directory, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			name, err := filepath.Rel(directory, path)
			if err != nil {
				return nil, err
			}
			if files[filepath.ToSlash(name)], err = os.ReadFile(path); err != nil {
				return nil, err
			}
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read %s: no file matches %s", directory, strings.Join(patterns, ", "))
	}
	return files, nil
}

// compressed returns content as gzip -9n compresses it: without a name or a time.
func compressed(content []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	_, _ = z.Write(content)                               // a bytes.Buffer never fails
	_ = z.Close()
	return b.Bytes()
}
