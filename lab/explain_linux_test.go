package lab

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Whatever a kernel lacks, the error says it in words and shows a way out.
func TestUnableTo(t *testing.T) {
	for _, l := range lacks {
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
		if !errors.As(ExplainRootless(errno), &unable) || !strings.Contains(unable.Hint.String(), "sudo lablab run") {
			t.Errorf("%v: %v", errno, unable)
		}
	}
}
