package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// A file is a member of an archive. One whose name ends in / is a directory.
type file struct {
	name    string
	mode    fs.FileMode
	content []byte
}

// tarball writes files as a tar archive that depends on nothing else: root owns them, they are
// sorted, all have one time, and each comes after its directories.
func tarball(w io.Writer, date time.Time, files []file) error {
	archive := tar.NewWriter(w)
	for _, f := range complete(files) {
		h := &tar.Header{Name: f.name, Mode: int64(f.mode), Size: int64(len(f.content)), ModTime: date, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := archive.WriteHeader(h); err != nil {
			return err
		}
		if _, err := archive.Write(f.content); err != nil {
			return err
		}
	}
	return archive.Close()
}

// complete sorts files and adds their parent directories.
func complete(files []file) []file {
	all := map[string]file{}
	for _, f := range files {
		all[f.name] = f
		for d := path.Dir(strings.TrimSuffix(f.name, "/")); d != "."; d = path.Dir(d) {
			if _, there := all[d+"/"]; !there {
				all[d+"/"] = file{name: d + "/", mode: 0o755}
			}
		}
	}
	sorted := make([]file, 0, len(all))
	for _, f := range all {
		sorted = append(sorted, f)
	}
	slices.SortFunc(sorted, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return sorted
}

// archive writes a target's .tar.gz: a single directory, like an archive of the source.
func (r release) archive(p product) error {
	binary, err := os.ReadFile(p.binary)
	if err != nil {
		return err
	}
	top := "lablab_" + r.version + "_" + p.target.String() + "/"
	files := []file{
		{top + "lablab", 0o755, binary},
		{top + "LICENSE", 0o644, p.extras.licence},
		{top + "THIRD_PARTY_NOTICES", 0o644, p.notices.write(whole)},
	}
	for name, page := range p.extras.manuals {
		files = append(files, file{top + "share/man/man1/" + name, 0o644, page})
	}
	for shell, place := range completionPlaces("zsh/site-functions") {
		files = append(files, file{top + "share/" + place, 0o644, p.extras.completions[shell]})
	}
	for name, document := range p.extras.documents {
		files = append(files, file{top + name, 0o644, document})
	}
	return r.write(r.name(p.target, ".tar.gz"), func(w io.Writer) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err
		}
		return errors.Join(tarball(z, r.date, files), z.Close())
	})
}

// completionPlaces returns, by shell, where shells look for completions below a share directory.
func completionPlaces(zsh string) map[string]string {
	return map[string]string{
		"bash": "bash-completion/completions/lablab",
		"zsh":  zsh + "/_lablab",
		"fish": "fish/vendor_completions.d/lablab.fish",
	}
}
