// Package recordtest reads the records that tests share.
package recordtest

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lablab/timeline"
)

// Read returns a run recorded on a real kernel with --record: "ping", as predicted; "cut", in which
// someone deleted the conntrack entries during experiment 2; "interrupted", by SIGINT; and others of
// the folder testdata.
func Read(t testing.TB, name string) []timeline.Event {
	t.Helper()
	return read(t, filepath.Join(root(t), "testdata", name+".jsonl"))
}

// All returns the records whose files match a pattern, such as "testdata/*.jsonl", by name.
func All(t testing.TB, pattern string) map[string][]timeline.Event {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(pattern)))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d records: %v", len(files), err)
	}
	all := map[string][]timeline.Event{}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".jsonl")
		all[name] = read(t, file)
	}
	return all
}

func read(t testing.TB, path string) []timeline.Event {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain := io.Reader(f)
	if strings.HasSuffix(path, ".gz") {
		if plain, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	events, err := timeline.Read(plain)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return events
}

// root returns the folder of the module.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	t.Fatalf("no go.mod above %s: %v", dir, err)
	return ""
}
