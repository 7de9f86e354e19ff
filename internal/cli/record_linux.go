package cli

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// openOwned creates a file, or truncates an existing one, which no other lablab may be writing. It
// follows no symbolic link. Under sudo a new file belongs to the user who called sudo; the owner is
// set through the descriptor, never through the name.
func openOwned(env Env, name string) (*os.File, error) {
	const flags = os.O_WRONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	f, err := os.OpenFile(name, flags|os.O_CREATE|os.O_EXCL, 0o644)
	switch {
	case err == nil:
		err = errors.Join(own(env, f), lock(f))
	case errors.Is(err, fs.ErrExist):
		before, errBefore := os.Lstat(name)
		if err := errors.Join(errBefore, planted(env, name, before)); err != nil { // before a pipe is waited for
			return nil, err
		}
		if f, err = os.OpenFile(name, flags, 0); err != nil {
			return nil, err
		}
		err = takeOver(env, f)
	default:
		return nil, err
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// takeOver empties an existing file.
func takeOver(env Env, f *os.File) error {
	about, err := f.Stat()
	if err != nil || !about.Mode().IsRegular() {
		return err
	}
	if err := planted(env, f.Name(), about); err != nil {
		return err
	}
	if err := lock(f); err != nil {
		return err
	}
	return f.Truncate(0)
}

// lock keeps other processes of lablab from writing to the file until it is closed.
func lock(f *os.File) error {
	if errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) { // not every file system has locks
		return &fs.PathError{Op: "open", Path: f.Name(), Err: say.New("another process is writing to it")}
	}
	return nil
}

// own gives a new file to the user who called sudo.
func own(env Env, f *os.File) error {
	if uid, gid, sudo := sudoer(env); sudo {
		return f.Chown(uid, gid)
	}
	return nil
}

// sudoer returns the user and the group who called sudo, if this process runs under it.
func sudoer(env Env) (uid, gid int, sudo bool) {
	user, errUser := strconv.ParseUint(env.Getenv("SUDO_UID"), 10, 32)
	group, errGroup := strconv.ParseUint(env.Getenv("SUDO_GID"), 10, 32)
	return int(user), int(group), os.Geteuid() == 0 && !ns.IsRootless() && errUser == nil && errGroup == nil
}
