package cli

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// A wholeFile appears under its name when it is complete; until then, what was there before stays.
// That is true of regular files only: a pipe or a device is written to directly.
type wholeFile struct {
	*os.File
	name    string // empty for what is written to directly
	publish func(name string) error
	discard func()
}

// createWhole creates a file that must not appear half written. It follows no symbolic link. A file
// that is replaced keeps its owner and permissions.
func createWhole(env Env, name string) (*wholeFile, error) {
	before, err := os.Lstat(name)
	switch {
	case err == nil && !before.Mode().IsRegular():
		f, err := openOwned(env, name)
		return &wholeFile{File: f}, err
	case err == nil:
		if err := planted(env, name, before); err != nil {
			return nil, err
		}
		old, err := os.OpenFile(name, os.O_WRONLY, 0) // a file that may not be changed is not replaced
		if err != nil {
			return nil, err
		}
		_ = old.Close()
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	f, err := unfinished(name)
	if before != nil && errors.Is(err, fs.ErrPermission) { // in a directory where no file may be created
		f, err := openOwned(env, name)
		return &wholeFile{File: f}, err
	}
	if err != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: cause(err)}
	}
	if err := ownLike(env, f.File, before); err != nil {
		f.close()
		if before == nil {
			return nil, err
		}
		f, err := openOwned(env, name) // rather than with another owner
		return &wholeFile{File: f}, err
	}
	return f, nil
}

// complete gives the file its name and closes it.
func (f *wholeFile) complete() error {
	if f.name == "" {
		return f.Close()
	}
	if err := f.Sync(); err != nil { // a full disk may show only now
		f.close()
		return err
	}
	if err := f.publish(f.name); err != nil {
		f.close()
		return &fs.PathError{Op: "create", Path: f.name, Err: cause(err)}
	}
	return f.Close()
}

// close drops a file that is not complete.
func (f *wholeFile) close() {
	if f.name != "" {
		f.discard()
	}
	_ = f.Close()
}

// withTemporaryName returns a file with a temporary name, next to the name that it gets when it is complete.
func withTemporaryName(name string) (*wholeFile, error) {
	f, err := os.OpenFile(temporary(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	return &wholeFile{
		File: f, name: name,
		publish: func(name string) error { return os.Rename(f.Name(), name) },
		discard: func() { _ = os.Remove(f.Name()) },
	}, nil
}

// temporary returns a name that no file has, next to another.
func temporary(name string) string { return filepath.Join(filepath.Dir(name), ".lablab-"+rand.Text()) }

// cause returns the error without the operation and the path.
func cause(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
