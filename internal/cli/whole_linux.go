package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// descriptors is where a file without a name can be found.
const descriptors = "/proc/self/fd"

// unfinished returns a file without a name, which is gone if this process ends before it is complete,
// however it ends.
func unfinished(name string) (*wholeFile, error) {
	if unix.Access(descriptors, unix.X_OK) != nil { // without /proc it could not get a name
		return withTemporaryName(name)
	}
	fd, err := unix.Open(filepath.Dir(name), unix.O_WRONLY|unix.O_TMPFILE|unix.O_CLOEXEC, 0o644)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) { // of the file system, or of the kernel
		return withTemporaryName(name)
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	return &wholeFile{
		File: f, name: name,
		publish: func(name string) error { return link(f, name) },
		discard: func() {},
	}, nil
}

// link gives a file without a name its name, which another file may have.
func link(f *os.File, name string) error {
	self := fmt.Sprintf("%s/%d", descriptors, f.Fd())
	to := func(name string) error {
		return unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
	}
	if err := to(name); !errors.Is(err, unix.EEXIST) {
		return err
	}
	linked := temporary(name)
	if err := to(linked); err != nil {
		return err
	}
	if err := os.Rename(linked, name); err != nil {
		return errors.Join(err, os.Remove(linked))
	}
	return nil
}

// ownLike gives a new file to the user who called sudo, or to the owner of the file that it replaces,
// with that file's permissions.
func ownLike(env Env, f *os.File, before fs.FileInfo) error {
	if before == nil {
		return own(env, f)
	}
	err := f.Chmod(before.Mode().Perm())
	if about, known := before.Sys().(*syscall.Stat_t); known && os.Geteuid() == 0 {
		err = errors.Join(err, f.Chown(int(about.Uid), int(about.Gid)))
	}
	return err
}
