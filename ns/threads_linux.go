package ns

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Threads returns how many threads this process may have, and the limit that says so: pids.max of its
// control group or of one above it (cgroups(7)), or RLIMIT_NPROC. Go's runtime ends a program that
// cannot start one. The number counts those that run already.
func Threads() (most int, limit string) {
	most = math.MaxInt
	own := len(taskIDs("self"))
	for _, directory := range pidsDirectories() {
		allowed, err := number(filepath.Join(directory, "pids.max"))
		current, failed := number(filepath.Join(directory, "pids.current"))
		if err == nil && failed == nil && allowed-current+own < most {
			most, limit = allowed-current+own, fmt.Sprintf("pids.max=%d", allowed)
		}
	}
	var processes unix.Rlimit
	const few = 1000 // counting the user's threads takes a while, so it is done only if the limit is low
	if unix.Getrlimit(unix.RLIMIT_NPROC, &processes) == nil && processes.Cur < few && os.Getuid() != 0 {
		if left := int(processes.Cur) - usersThreads() + own; left < most {
			most, limit = left, fmt.Sprintf("RLIMIT_NPROC=%d", processes.Cur)
		}
	}
	return most, limit
}

// pidsDirectories returns where the limits of this process's control group may be, and of those
// above it: in one hierarchy for everything or in one for pids, mounted where systemd mounts them. In
// a container the group may be the root of what is mounted.
func pidsDirectories() []string {
	const mounted = "/sys/fs/cgroup"
	directories := []string{mounted, mounted + "/pids"}
	groups, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(groups)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		root := mounted
		switch controllers {
		case "":
		case "pids":
			root = mounted + "/pids"
		default:
			continue
		}
		for ; path != "/" && path != "." && path != ""; path = filepath.Dir(path) {
			directories = append(directories, filepath.Join(root, path))
		}
	}
	return directories
}

func number(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text))) // "max" is not a number
}

func taskIDs(process string) []os.DirEntry {
	tasks, _ := os.ReadDir("/proc/" + process + "/task")
	return tasks
}

// usersThreads counts the threads of this process's user.
func usersThreads() (count int) {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		var status unix.Stat_t
		if err := unix.Stat(process, &status); errors.Is(err, nil) && int(status.Uid) == os.Getuid() {
			count += len(taskIDs(filepath.Base(process)))
		}
	}
	return count
}
