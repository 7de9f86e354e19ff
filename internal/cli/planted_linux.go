package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"lablab/ns"
	"lablab/say"
)

// planted returns an error if another user can have put the file there: it belongs to another user, in
// a directory where everyone may create files, such as /tmp. Linux has the same rule
// (fs.protected_regular), but not for files that are opened without O_CREAT, and not on every machine.
func planted(env Env, name string, about fs.FileInfo) error {
	dir, err := os.Stat(filepath.Dir(name))
	if err != nil {
		return err
	}
	const others = 0o022 // write bits of group and others
	if dir.Mode()&fs.ModeSticky == 0 || dir.Mode()&others == 0 {
		return nil
	}
	owner, ownerOfDir := about.Sys().(*syscall.Stat_t).Uid, dir.Sys().(*syscall.Stat_t).Uid
	caller, _, sudo := sudoer(env)
	switch {
	case int(owner) == os.Geteuid(), sudo && int(owner) == caller:
		return nil
	case owner == ownerOfDir && !ns.IsRootless(): // there, all users without an id of their own look the same
		return nil
	}
	return &fs.PathError{Op: "open", Path: name, Err: say.New("another user has put it into a shared directory")}
}
