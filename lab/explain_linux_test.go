package lab

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// For everything that a kernel may lack, the error explains it and hints at a fix.
func TestUnableTo(t *testing.T) {
	for _, l := range lacks() {
		err := unableTo(l.step, fmt.Errorf("some library: %w", l.errno))
		var unable *Unable
		if !errors.As(err, &unable) {
			t.Errorf("%s, %v: got %v, want *Unable", l.step, l.errno, err)
			continue
		}
		if unable.Hint.Empty() || !errors.Is(err, l.errno) {
			t.Errorf("%s, %v: hint %q", l.step, l.errno, unable.Hint)
		}
		if strings.Contains(err.Error(), l.errno.Error()) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s, %v: bare %q", l.step, l.errno, err)
		}
	}
	for _, errno := range []unix.Errno{unix.EMFILE, unix.ENFILE} {
		var unable *Unable
		if !errors.As(unableTo(openTrace, errno), &unable) || !strings.Contains(unable.Lacks.String(), "RLIMIT_NOFILE") {
			t.Errorf("%v does not name the limit", errno)
		}
	}
	if err := unableTo(makeVeth, unix.EIO); !strings.Contains(err.Error(), string(makeVeth)) {
		t.Errorf("%v does not say what could not be done", err)
	}
}

func TestExplainRootless(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EPERM, unix.EACCES, unix.ENOSPC, unix.EINVAL} {
		var unable *Unable
		if !errors.As(ExplainRootless(errno), &unable) || !strings.Contains(unable.Hint.String(), asRoot().String()) {
			t.Errorf("%v: %v", errno, unable)
		}
	}
}

// The hint never suggests becoming root to root, or using a program that is not installed.
func TestAsRoot(t *testing.T) {
	typed := strings.Fields
	const elsewhere, installed, built, compiled = "/home/u/go/bin/lablab", "/usr/local/bin/lablab", "/home/u/src/lablab", "/tmp/go-build1234/b001/exe/lablab"
	for _, test := range []struct {
		start start
		want  string
	}{
		{start{args: typed("lablab run"), program: installed, sudo: true}, "run it as root: sudo lablab run"},
		{start{args: typed("lablab up -d"), program: installed, sudo: true}, "run it as root: sudo lablab up -d"},
		{start{args: typed("lablab run"), program: elsewhere, sudo: true}, "run it as root: sudo /home/u/go/bin/lablab run"},
		{start{args: typed("./lablab probe icmp"), program: built, sudo: true}, "run it as root: sudo ./lablab probe icmp"},
		{start{args: []string{"./lablab", "probe", "tcp 10.0.0.1 > A:22"}, program: built, sudo: true}, "run it as root: sudo ./lablab probe"},
		{start{args: typed(compiled + " run udp"), program: compiled, sudo: true}, "build it and run it as root: go build . && sudo ./lablab run udp"},
		{start{args: typed("lablab run --rootless always"), program: installed, root: true, powerful: true, sudo: true}, "leave out --rootless always: root needs no user namespace"},
		{start{args: typed("lablab run"), program: installed}, "run it as root"},
		{start{args: typed("lablab run"), program: installed, container: true}, "allow the container user namespaces: docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined"},
		{start{args: typed("lablab run"), program: installed, container: true, root: true, sudo: true}, "root has too few capabilities here; for a container: docker run --cap-add NET_ADMIN --cap-add SYS_ADMIN --security-opt systempaths=unconfined, or --privileged"},
	} {
		if got := test.start.asRoot().String(); got != test.want {
			t.Errorf("%+v:\n%s\nwant\n%s", test.start, got, test.want)
		}
	}
}
