package lab

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"lablab/internal/nstest"
)

// What a kernel only seems to lack, because it is still being loaded, is waited for. What it really
// lacks is named, and no other error is tried again.
func TestOnceLoaded(t *testing.T) {
	t.Parallel()
	loading := kernelLacks(installRules, unix.EOPNOTSUPP)
	stays := errors.New("missing for good")
	for _, test := range []struct {
		what     string
		builds   []error // of one attempt after the other
		missing  int     // how often something is still missing
		forever  bool
		want     error
		attempts int
	}{
		{"nothing is missing", []error{nil}, 0, false, nil, 1},
		{"a module that loads late", []error{loading, nil}, 3, false, nil, 2},
		{"a module that was loaded meanwhile", []error{loading, nil}, 0, false, nil, 2},
		{"a module that does not exist", []error{loading}, 0, true, stays, 1},
		{"two modules, one after the other", []error{loading, loading}, 1, false, loading, 2},
		{"no capability", []error{unix.EPERM}, 0, false, unix.EPERM, 1},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			attempts := 0
			err := onceLoaded(t.Context(), func() error {
				if test.missing--; test.forever || test.missing >= 0 {
					return stays
				}
				return nil
			}, func() error {
				attempts++
				return test.builds[attempts-1]
			})
			if !errors.Is(err, test.want) || attempts != test.attempts {
				t.Errorf("%v after %d attempts, want %v after %d", err, attempts, test.want, test.attempts)
			}
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	if err := onceLoaded(ctx, func() error { return stays }, func() error { return loading }); err == nil || err.Error() != "interrupted" {
		t.Errorf("after an interruption: %v", err)
	}
}

// Here everything is loaded, and trying it leaves nothing behind.
func TestHaveModules(t *testing.T) {
	nstest.Kernel(t)
	if err := haveModules(true); err != nil {
		t.Error(err)
	}
}
