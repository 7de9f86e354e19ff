// Command release builds everything that a release of lablab consists of:
//
//	go -C scripts/release run . [-o DIRECTORY] [-only OS_ARCH] [VERSION]
//
// VERSION is a tag such as v0.1.0. Without it the result is a snapshot, named after the date of the
// last commit. The same commit makes the same bytes. The command is a module of its own, so that
// the product's go.mod stays small.
package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	directory := flag.String("o", "dist", "write to `DIRECTORY`, which is empty or does not exist; relative to the top of the repository")
	only := flag.String("only", "", "only `OS_ARCH`, such as linux_amd64")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go -C scripts/release run . [-o DIRECTORY] [-only OS_ARCH] [VERSION]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *directory, *only); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// targets lists the systems that a release is for. On macOS, lablab has only the commands that need
// no kernel.
var targets = []target{{"linux", "amd64"}, {"linux", "arm64"}, {"linux", "386"}, {"darwin", "amd64"}, {"darwin", "arm64"}}

type target struct{ os, arch string }

func (t target) String() string { return t.os + "_" + t.arch }

// A release is what all its files have in common.
type release struct {
	top    string // root of the repository
	out    string
	work   string // for intermediate files
	module string // module path of the product, which includes its host once it has one
	// version has no v: 0.1.0
	version    string
	commit     string
	date       time.Time // commit date
	maintainer string    // author of the commit
}

func run(tag, directory, only string) error {
	chosen := slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return only != "" && only != t.String() })
	if len(chosen) == 0 {
		return fmt.Errorf("read target: %s is not one of %v", only, targets)
	}
	r, err := describe(tag)
	if err != nil {
		return err
	}
	if r.out = directory; !filepath.IsAbs(directory) {
		r.out = filepath.Join(r.top, directory)
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	if there, err := os.ReadDir(r.out); err != nil || len(there) > 0 {
		return errors.Join(err, fmt.Errorf("write release: %s is not empty: remove what is in it", r.out))
	}
	if r.work, err = os.MkdirTemp("", "lablab-release-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(r.work) }()

	extras, err := r.extras()
	if err != nil {
		return err
	}
	var images []image
	for _, t := range chosen {
		p, err := r.product(t, extras)
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		if err := r.archive(p); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		if t.os != "linux" {
			continue
		}
		if err := r.packages(p); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		i, err := r.image(p)
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		images = append(images, i)
	}
	if len(images) > 0 {
		if err := r.images(images); err != nil {
			return err
		}
	}
	return r.checksums()
}

// describe asks git what to release.
func describe(tag string) (r release, err error) {
	if r.top, err = output(".", "git", "rev-parse", "--show-toplevel"); err != nil {
		return r, err
	}
	log, err := output(r.top, "git", "log", "-1", "--format=%H%n%ct%n%an <%ae>")
	if err != nil {
		return r, err
	}
	commit, rest, _ := strings.Cut(log, "\n")
	epoch, author, _ := strings.Cut(rest, "\n")
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return r, err
	}
	changed, err := output(r.top, "git", "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return r, err
	}
	r.commit, r.maintainer, r.date = commit[:12], author, time.Unix(seconds, 0).UTC()
	if changed != "" {
		r.commit += "+dirty"
	}
	if r.module, err = output(r.top, "go", "list", "-m"); err != nil {
		return r, err
	}
	switch {
	case tag == "":
		r.version = "0.0.0-git" + r.date.Format("20060102150405")
	case !regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`).MatchString(tag):
		return r, fmt.Errorf("read version: %q is not a version such as v0.1.0", tag)
	case changed != "":
		return r, fmt.Errorf("release %s: the checkout has changes that are not committed:\n%s", tag, changed)
	default:
		r.version = tag[1:]
	}
	return r, nil
}

// homepage returns the project's URL, or "" while its module path has no host.
func (r release) homepage() string {
	if host, _, _ := strings.Cut(r.module, "/"); strings.Contains(host, ".") {
		return "https://" + r.module
	}
	return ""
}

// name returns the name of a release's file for a target.
func (r release) name(t target, suffix string) string {
	return fmt.Sprintf("lablab_%s_%s%s", r.version, t, suffix)
}

// write writes a file of the release.
func (r release) write(name string, write func(io.Writer) error) (err error) {
	f, err := os.Create(filepath.Join(r.out, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}

// checksums writes SHA256SUMS, in the format of sha256sum(1).
func (r release) checksums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	return r.write("SHA256SUMS", func(w io.Writer) error {
		for _, e := range entries {
			sum, err := checksum(filepath.Join(r.out, e.Name()))
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%s  %s\n", sum, e.Name()); err != nil {
				return err
			}
		}
		return nil
	})
}

func checksum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// output runs a program and returns its output, without the final newline.
func output(directory, program string, args ...string) (string, error) {
	return outputWith(directory, nil, program, args...)
}

// outputWith runs a program with additional environment variables.
func outputWith(directory string, env []string, program string, args ...string) (string, error) {
	c := exec.Command(program, args...)
	c.Dir, c.Env = directory, slices.Concat(os.Environ(), env)
	var complaints strings.Builder
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", c, err, strings.TrimSpace(complaints.String()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}
