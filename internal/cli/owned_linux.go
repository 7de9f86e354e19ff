package cli

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// makeOwned creates a directory if it does not exist. Under sudo it belongs to the user who called
// sudo, like the files of openOwned.
func makeOwned(env Env, name string) error {
	if err := os.Mkdir(name, 0o755); errors.Is(err, fs.ErrExist) {
		about, err := os.Lstat(name)
		if err != nil {
			return err
		}
		return planted(env, name, about)
	} else if err != nil {
		return err
	}
	dir, err := os.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(own(env, dir), dir.Close())
}
