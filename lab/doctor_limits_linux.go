package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

func tryKernel(context.Context) (Finding, error) { return ageOf(kernel()), nil }

// ageOf reports whether lablab supports a kernel.
func ageOf(kernel string) Finding {
	if olderThan(kernel, 5, 15) {
		return degraded(say.F("use Linux 5.15 or newer if anything below fails"), "%s, older than lablab supports", kernel)
	}
	return found("%s", kernel)
}

func olderThan(kernel string, major, minor int) bool {
	var is, point int
	_, err := fmt.Sscanf(kernel, "Linux %d.%d", &is, &point)
	return err == nil && (is < major || is == major && point < minor)
}

// tryAsRoot returns a hint to run the examination as root, or nothing if it already runs as root.
func tryAsRoot() say.Sentence {
	if ns.Owner() == 0 {
		return say.Sentence{}
	}
	s := started()
	s.place = machine // if it kept ordinary users from making user namespaces, this one would have none
	return s.allow()
}

// tryRoot checks for the capabilities of root that a lab needs.
func tryRoot(context.Context) (Finding, error) {
	if ns.IsRootless() {
		return Finding{Status: NotTried, Found: say.F("not used: all this was tried in a user namespace"), Hint: tryAsRoot()}, nil
	}
	if s := started(); len(s.Lacking) > 0 {
		return Finding{}, &Unable{Lacks: say.F("this process lacks %s", strings.Join(s.Lacking, ", ")), Hint: s.allow(), Err: unix.EPERM}
	}
	return found("CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW"), nil
}

// tryUserNamespace tries to work without root.
func (e *examination) tryUserNamespace(context.Context) (Finding, error) {
	switch {
	case e.noWay != nil:
		return Finding{}, e.noWay
	case ns.IsRootless():
		return found("this process is root inside one"), nil
	}
	if err := ns.TryRootless(); err != nil {
		return Finding{}, ExplainRootless(err)
	}
	return found("this user may create one (lablab run --rootless always)"), nil
}

// How many open files a lab needs. The second figure is for a large lab.
const (
	fewFiles  = 32
	manyFiles = 1000
)

// tryOpenFiles opens that many.
func tryOpenFiles(context.Context) (Finding, error) {
	opened, err := openable(manyFiles)
	var unable *Unable
	switch {
	case err == nil:
		return found("at least %d at a time", manyFiles), nil
	case opened < fewFiles || !errors.As(err, &unable):
		return Finding{}, err
	}
	return degraded(unable.Hint, "only %d at a time: too few for many hosts (RLIMIT_NOFILE)", opened), nil
}

// SpareFiles checks that this process may open n more files: a lab that is kept answers requests. The
// error is an *Unable.
func SpareFiles(n int) error {
	_, err := openable(n)
	return err
}

// openable opens n files at a time, or as many as it can, and closes them again.
func openable(n int) (opened int, err error) {
	var files []int
	defer func() {
		for _, fd := range files {
			_ = unix.Close(fd)
		}
	}()
	for len(files) < n {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			return len(files), unableTo(buildLab, err)
		}
		files = append(files, fd)
	}
	return n, nil
}

// tryManyNamespaces makes as many namespaces as the largest lab needs: sixteen hosts and a switch.
func (e *examination) tryManyNamespaces(context.Context) (Finding, error) {
	const most = 16 + 1
	count := 0
	for _, h := range e.hosts {
		if h.ns != nil {
			count++
		}
	}
	if e.middle != nil {
		count++
	}
	for ; count < most; count++ {
		n, err := ns.New()
		if err != nil {
			err = unableTo(makeNamespace, err)
			var unable *Unable
			if !errors.As(err, &unable) {
				return Finding{}, err
			}
			return degraded(unable.Hint, "only %d at a time: %s", count, unable.Lacks), nil
		}
		e.spare = append(e.spare, n)
	}
	return found("%d at a time, enough for sixteen hosts and a switch", most), nil
}

// tryBuffers reads the buffer sizes that the open sockets were granted.
func (e *examination) tryBuffers(context.Context) (Finding, error) {
	receive, wanted, err := e.traces[0].Buffer()
	if err != nil {
		return Finding{}, err
	}
	send, most := e.a.rules.Room()
	if receive < wanted || send < most {
		hint := say.F("run it as root, or: sudo sysctl net.core.rmem_max=%d net.core.wmem_max=%d", wanted, most/2)
		return degraded(hint, "%s of %s for reading, %s of %s for rule changes: bursts may lose verdicts (which is reported), and huge groups are rejected", size(receive), size(wanted), size(send), size(most)), nil
	}
	return found("%s for reading, %s for rule changes", size(receive), size(send)), nil
}

// size formats a number of bytes, rounded.
func size(bytes int) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d KB", (bytes+1<<9)>>10)
	}
	return fmt.Sprintf("%d MB", (bytes+1<<19)>>20)
}
