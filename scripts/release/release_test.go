package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func TestChanges(t *testing.T) {
	const changelog = `# Changes

## Unreleased

- new

## 0.2.0 (2027-01-01)

- one
  that goes on
- two

## 0.1.0

Words.
`
	for _, test := range []struct {
		version string
		want    []string
	}{
		{"0.2.0", []string{"one that goes on", "two"}},
		{"0.0.0-git1", []string{"new"}},
		{"0.1.0", nil}, // its section lists no changes
		{"0.2", nil},
		{"0.3.0", nil},
	} {
		got, err := changesOf([]byte(changelog), test.version)
		if !slices.Equal(got, test.want) || (err == nil) != (test.want != nil) {
			t.Errorf("%s: %q, %v, want %q", test.version, got, err, test.want)
		}
	}
	if got, err := changesOf([]byte("# Changes\n\n## 0.1.0\n\n- one\n"), "0.0.0-git1"); err != nil || len(got) != 1 {
		t.Errorf("a snapshot right after a release: %q, %v", got, err)
	}
}

func TestDebianChangelog(t *testing.T) {
	const want = `lablab (0.1.0) unstable; urgency=medium

  * word word word word word word word word word word word word word word word
    word word word word word
  * two

 -- A <a@example.com>  Fri, 27 Nov 2026 12:00:00 +0000
`
	got := changes{strings.Repeat("word ", 20), "two"}.debian("0.1.0", "A <a@example.com>", day)
	if string(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestTarballDependsOnItsFilesOnly(t *testing.T) {
	files := []file{{"b/two", 0o755, []byte("2")}, {"a", 0o644, []byte("1")}, {"b/c/three", 0o644, nil}, {"tmp/", 0o1777, nil}}
	var first, second bytes.Buffer
	if err := tarball(&first, day, files); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(files)
	if err := tarball(&second, day, files); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the order of the files makes a difference")
	}
	var got []string
	for _, h := range unpack(t, first.Bytes()).headers {
		got = append(got, fmt.Sprintf("%s %o %d %d %s", h.Name, h.Mode, h.Uid, h.Gid, h.ModTime.UTC().Format(time.DateTime)))
	}
	want := []string{"a 644", "b/ 755", "b/c/ 755", "b/c/three 644", "b/two 755", "tmp/ 1777"}
	for i := range want {
		want[i] += " 0 0 2026-11-27 12:00:00"
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// An unpacked holds an archive's headers, and its contents by name.
type unpacked struct {
	headers  []*tar.Header
	contents map[string][]byte
}

func unpack(t *testing.T, archive []byte) unpacked {
	t.Helper()
	u := unpacked{contents: map[string][]byte{}}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return u
		} else if err != nil {
			t.Fatal(err)
		}
		u.headers = append(u.headers, h)
		if u.contents[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// written returns the only file in r.out.
func written(t *testing.T, r release, name string) unpacked {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(r.out, name))
	if err != nil {
		t.Fatal(err)
	}
	return unpack(t, content)
}

// get reads what a descriptor describes, and checks its size and digest.
func (u unpacked) get(t *testing.T, d descriptor) []byte {
	t.Helper()
	content := u.contents["blobs/sha256/"+strings.TrimPrefix(d.Digest, "sha256:")]
	if len(content) != d.Size || d.Digest != fmt.Sprintf("sha256:%x", sha256.Sum256(content)) {
		t.Fatalf("%s is not as it is described: %+v", d.MediaType, d)
	}
	return content
}

func decode(t *testing.T, content []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

// Each part of an image is where the other parts say, down to the program.
func TestImages(t *testing.T) {
	r := release{out: t.TempDir(), version: "0.1.0", commit: "0123456789ab", date: day, module: "example.com/lablab"}
	var all []image
	for _, arch := range []string{"amd64", "arm64"} {
		binary := filepath.Join(t.TempDir(), "lablab")
		if err := os.WriteFile(binary, []byte("program of "+arch), 0o755); err != nil {
			t.Fatal(err)
		}
		i, err := r.image(product{target: target{"linux", arch}, binary: binary, licences: []string{"MIT"}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, i)
		u := written(t, r, "lablab_0.1.0_linux_"+arch+"_image.tar")
		var x index
		decode(t, u.contents["index.json"], &x)
		checkImage(t, u, x.Manifests[0], arch)

		var docker []struct {
			Config   string
			RepoTags []string
			Layers   []string
		}
		decode(t, u.contents["manifest.json"], &docker)
		if len(docker) != 1 || docker[0].RepoTags[0] != "lablab:0.1.0" || len(u.contents[docker[0].Config]) == 0 || len(u.contents[docker[0].Layers[0]]) == 0 {
			t.Errorf("Docker's own manifest leads nowhere: %+v", docker)
		}
	}
	if err := r.images(all); err != nil {
		t.Fatal(err)
	}
	u := written(t, r, "lablab_0.1.0_image.tar")
	var top, platforms index
	decode(t, u.contents["index.json"], &top)
	decode(t, u.get(t, top.Manifests[0]), &platforms)
	if len(platforms.Manifests) != 2 {
		t.Fatalf("%d platforms", len(platforms.Manifests))
	}
	for i, arch := range []string{"amd64", "arm64"} {
		if p := platforms.Manifests[i].Platform; p.Architecture != arch || p.OS != "linux" {
			t.Errorf("platform %d is %+v", i, p)
		}
		checkImage(t, u, platforms.Manifests[i], arch)
	}
}

func checkImage(t *testing.T, u unpacked, d descriptor, arch string) {
	t.Helper()
	var m manifest
	decode(t, u.get(t, d), &m)
	var c config
	decode(t, u.get(t, m.Config), &c)
	z, err := gzip.NewReader(bytes.NewReader(u.get(t, m.Layers[0])))
	if err != nil {
		t.Fatal(err)
	}
	layer, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if c.Architecture != arch || c.RootFS.DiffIDs[0] != fmt.Sprintf("sha256:%x", sha256.Sum256(layer)) {
		t.Errorf("the configuration is of another image: %+v", c)
	}
	if got := c.Config.Labels["org.opencontainers.image.source"]; got != "https://example.com/lablab" {
		t.Errorf("the image comes from %q", got)
	}
	if got := string(unpack(t, layer).contents["usr/bin/lablab"]); got != "program of "+arch {
		t.Errorf("the program is %q", got)
	}
}

func TestNotices(t *testing.T) {
	directory := t.TempDir()
	put := func(module, name, text string) string {
		t.Helper()
		path := filepath.Join(directory, module)
		if err := errors.Join(os.MkdirAll(path, 0o755), os.WriteFile(filepath.Join(path, name), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var all notices
	for _, add := range []error{
		all.add("one v1", put("one", "LICENSE", "MIT License\r\nthe same\n")),
		all.add("two v2", put("two", "License.md", "MIT License\nthe same")),
		all.add("three v3", put("three", "COPYING", "  Apache License\n  Version 2.0, January 2004\n  and so on")),
	} {
		if add != nil {
			t.Error(add)
		}
	}
	if err := all.add("four v4", put("four", "main.go", "")); err == nil {
		t.Error("a module without a licence is taken")
	}
	text := string(all.write(whole))
	if !strings.Contains(text, "one v1\ntwo v2\n\nMIT License\nthe same\n") || !strings.Contains(text, "and so on") {
		t.Error(text)
	}
	if text := string(all.write(debian)); strings.Contains(text, "and so on") || !strings.Contains(text, "/usr/share/common-licenses/Apache-2.0") || !strings.Contains(text, "the same") {
		t.Error(text)
	}
}
