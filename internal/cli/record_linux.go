package cli

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"lablab/ns"
)

// openOwned creates a file, or truncates an existing one. It follows no symbolic link. Under sudo a
// new file belongs to the user who called sudo; the owner is set through the descriptor, never
// through the name.
func openOwned(env Env, name string) (*os.File, error) {
	const flags = os.O_WRONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	f, err := os.OpenFile(name, flags|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return os.OpenFile(name, flags|os.O_TRUNC, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := own(env, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// own gives a new file to the user who called sudo.
func own(env Env, f *os.File) error {
	uid, errUID := strconv.Atoi(env.Getenv("SUDO_UID"))
	gid, errGID := strconv.Atoi(env.Getenv("SUDO_GID"))
	if os.Geteuid() == 0 && !ns.IsRootless() && errUID == nil && errGID == nil {
		return f.Chown(uid, gid)
	}
	return nil
}
