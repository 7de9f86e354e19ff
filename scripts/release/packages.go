package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/apk"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

// A kind is a kind of package.
type kind struct {
	name        string
	packager    nfpm.Packager
	zsh         string // the directory of zsh's completions in /usr/share
	description string
}

var kinds = []kind{
	{"deb", deb.Default, "zsh/vendor-completions", synopsis + "\n" + description},
	{"rpm", rpm.DefaultRPM, "zsh/site-functions", description},
	{"apk", apk.Default, "zsh/site-functions", synopsis},
}

const (
	synopsis    = "laboratory for stateful firewalls"
	description = `lablab shows on one machine, with the kernel's own connection tracking, how a
stateful firewall such as an AWS security group behaves. It builds hosts out of
network namespaces, gives them rules, sends packets between them, changes the
rules and tells from the kernel's evidence why each packet was accepted or
dropped. It needs no other program.`
)

// packages writes a target's deb, rpm and apk.
func (r release) packages(p product) error {
	for _, k := range kinds {
		if err := r.pack(p, k); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

func (r release) pack(p product, k kind) error {
	version, prerelease, _ := strings.Cut(r.version, "-")
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "lablab", Arch: p.target.arch, Platform: "linux", Version: version, Prerelease: prerelease, VersionSchema: "none",
		Section: "net", Priority: "optional", Maintainer: r.maintainer, Vendor: "the lablab authors",
		Description: k.description, Homepage: r.homepage(), License: strings.Join(p.licences, " AND "), MTime: r.date, DisableGlobbing: true,
		Overridables: nfpm.Overridables{
			RPM: nfpm.RPM{Summary: synopsis, Group: "Applications/Internet", BuildHost: "localhost", Compression: "gzip:9"},
			Deb: nfpm.Deb{Compression: "xz"},
		},
	})
	staged := filepath.Join(r.work, p.target.String(), k.name)
	info.Contents = append(info.Contents, content(p.binary, "usr/bin/lablab", 0o755))
	for name, text := range r.installed(p, k) {
		source := filepath.Join(staged, name)
		if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(source, text, 0o644); err != nil {
			return err
		}
		info.Contents = append(info.Contents, content(source, name, 0o644))
	}
	for _, own := range []string{"usr/share/doc/lablab", "usr/share/doc/lablab/docs", "usr/share/licenses/lablab"} { // removed with the package
		if _, err := os.Stat(filepath.Join(staged, own)); err == nil {
			info.Contents = append(info.Contents, &files.Content{Destination: "/" + own, Type: files.TypeDir, FileInfo: &files.ContentFileInfo{Mode: 0o755, MTime: r.date}})
		}
	}
	if err := nfpm.PrepareForPackager(info, k.name); err != nil {
		return err
	}
	return r.write(r.name(p.target, "."+k.name), func(w io.Writer) error { return k.packager.Package(info, w) })
}

func content(source, destination string, mode fs.FileMode) *files.Content {
	return &files.Content{Source: source, Destination: "/" + destination, FileInfo: &files.ContentFileInfo{Mode: mode}}
}

// installed returns what a package contains apart from the program: text by path.
func (r release) installed(p product, k kind) map[string][]byte {
	all := map[string][]byte{}
	for name, page := range p.extras.manuals {
		all["usr/share/man/man1/"+name+".gz"] = compressed(page)
	}
	for shell, place := range completionPlaces(k.zsh) {
		all["usr/share/"+place] = p.extras.completions[shell]
	}
	const doc = "usr/share/doc/lablab/"
	for name, document := range p.extras.documents {
		all[doc+name] = document
	}
	if k.name == "deb" {
		all[doc+"copyright"] = r.copyright(p)
		all[doc+"changelog.gz"] = compressed(p.extras.changes.debian(strings.Replace(r.version, "-", "~", 1), r.maintainer, r.date))
		all["usr/share/lintian/overrides/lablab"] = []byte(overrides)
		return all
	}
	all["usr/share/licenses/lablab/LICENSE"] = p.extras.licence
	all["usr/share/licenses/lablab/THIRD_PARTY_NOTICES"] = p.notices.write(whole)
	return all
}

// overrides tells lintian which findings to suppress, and why.
const overrides = `# A Go program without cgo is static, and needs nothing of the system that it is installed on.
lablab: statically-linked-binary [usr/bin/lablab]
`
