package cli

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// makeOwned makes a directory if there is none. Under sudo it belongs to whoever
// called sudo, as the files of openOwned do.
func makeOwned(env Env, name string) error {
	if err := os.Mkdir(name, 0o755); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	dir, err := os.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(own(env, dir), dir.Close())
}
