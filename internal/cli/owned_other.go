//go:build !linux

package cli

import (
	"errors"
	"io/fs"
	"os"
)

// openOwned creates a file, or truncates an existing one.
func openOwned(_ Env, name string) (*os.File, error) { return os.Create(name) }

// planted returns no error.
func planted(Env, string, fs.FileInfo) error { return nil }

// makeOwned creates a directory if it does not exist.
func makeOwned(_ Env, name string) error {
	if err := os.Mkdir(name, 0o755); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// unfinished returns a file with a temporary name.
func unfinished(name string) (*wholeFile, error) { return withTemporaryName(name) }

// ownLike gives a new file the permissions of the one that it replaces.
func ownLike(_ Env, f *os.File, before fs.FileInfo) error {
	if before == nil {
		return nil
	}
	return f.Chmod(before.Mode().Perm())
}
