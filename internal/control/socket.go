package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"lablab/say"
)

// DirectoryKey is the environment variable that names the directory of sockets.
const DirectoryKey = "LABLAB_SOCKET_DIR"

// A DirectoryError says why a directory cannot hold sockets. Hint says how to fix it.
type DirectoryError struct {
	err  error
	Hint say.Sentence
}

func (e *DirectoryError) Error() string { return e.err.Error() }
func (e *DirectoryError) Unwrap() error { return e.err }

// In returns the error in a language.
func (e *DirectoryError) In(l *say.Language) string { return l.Error(e.err) }

// unusable returns an error about the directory of sockets, or about something in it.
func unusable(err error) error {
	return &DirectoryError{err, say.F("choose a writable directory of your own: --socket-dir DIR with every command, or set %s, or XDG_RUNTIME_DIR unless you are root", DirectoryKey)}
}

// checkLength refuses a path that is too long for a socket.
func checkLength(path string) error {
	const most = 107 // bytes, unix(7)
	if len(path) <= most {
		return nil
	}
	return &DirectoryError{say.Errorf("the socket path is too long: %s", path), say.F("it has %d bytes, the limit is %d (see unix(7)): choose a shorter directory with --socket-dir", len(path), most)}
}

// Directory returns the directory of a user's sockets: the one that the user chose; or /run/lablab
// for root, and $XDG_RUNTIME_DIR/lablab for other users, or a directory below the one for temporary
// files if that is not set.
func Directory(getenv func(string) string, user int) string {
	switch chosen, runtime := getenv(DirectoryKey), getenv("XDG_RUNTIME_DIR"); {
	case chosen != "":
		return chosen
	case user == 0:
		return "/run/lablab"
	case runtime != "":
		return filepath.Join(runtime, "lablab")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("lablab-%d", user))
}

// Socket returns the socket's path of the lab with that name.
func Socket(directory, name string) string { return filepath.Join(directory, name+".sock") }

// ErrRuns says that a lab of that name is already running.
var ErrRuns = say.New("a lab of that name is already running")

// Listen opens the socket of a lab, which only its owner may open. It replaces a socket that a
// killed process has left behind. If a process answers there, the error is [ErrRuns].
func Listen(directory, name string) (net.Listener, error) {
	if err := checkLength(Socket(directory, name)); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, unusable(say.Errorf("create socket directory: %w", err))
	}
	if err := checkOwn(directory); err != nil {
		return nil, err
	}
	lock, err := lockName(filepath.Join(directory, name+".lock"))
	if err != nil {
		return nil, err
	}
	path := Socket(directory, name)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		_ = lock.Close()
		return nil, unusable(say.Errorf("replace socket: %w", err))
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		_ = lock.Close()
		return nil, unusable(say.Errorf("open socket: %w", err))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = listener.Close()
		_ = lock.Close()
		return nil, say.Errorf("open socket: %w", err)
	}
	free := sync.OnceValue(func() error { return errors.Join(listener.Close(), os.Remove(lock.Name()), lock.Close()) })
	return &locked{listener, free}, nil
}

// checkOwn refuses a directory where another user may put sockets: anyone could have created one
// among temporary files. It accepts a directory that does not exist, and refuses one whose path is
// too long for a socket.
func checkOwn(directory string) error {
	if err := checkLength(Socket(directory, "x")); err != nil {
		return err
	}
	info, err := os.Lstat(directory)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unusable(say.Errorf("inspect socket directory: %w", err))
	}
	const others = 0o022 // write bits of group and others
	owner := info.Sys().(*syscall.Stat_t).Uid
	if !info.IsDir() || int(owner) != os.Getuid() || info.Mode()&others != 0 {
		return unusable(say.Errorf("others can put sockets into %s", directory))
	}
	return nil
}

// lockName takes a lock that is held for the lab's lifetime: two labs that start at once must not
// both replace a socket. The kernel releases the lock when the process dies.
func lockName(path string) (*os.File, error) {
	for {
		lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, unusable(say.Errorf("lock socket: %w", err))
		}
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		here, errHere := os.Stat(path)
		mine, errMine := lock.Stat()
		switch {
		case errors.Is(err, syscall.EWOULDBLOCK):
			_ = lock.Close()
			return nil, ErrRuns
		case err != nil:
			_ = lock.Close()
			return nil, say.Errorf("lock socket: %w", err)
		case errHere == nil && errMine == nil && os.SameFile(here, mine):
			return lock, nil
		}
		_ = lock.Close() // another process was deleting it; try again
	}
}

// locked is a listener that holds the lock of its name. Another lab can take the name once the lock
// is free.
type locked struct {
	net.Listener
	free func() error
}

func (l *locked) Close() error { return l.free() }

// Names returns the names of labs that have a socket, in order. Their processes may be dead.
func Names(directory string) ([]string, error) {
	if err := checkOwn(directory); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(directory)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unusable(say.Errorf("list labs: %w", err))
	}
	var names []string
	for _, e := range entries {
		if name, found := strings.CutSuffix(e.Name(), ".sock"); found {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
