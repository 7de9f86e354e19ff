package kept_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lablab/internal/cli"
	"lablab/internal/nstest"
)

// Every command ends by a signal, whatever it waits for: a pipe that it opens or reads, or a full
// pipe that it writes to. FIFO stands for a pipe with one end, OPEN for one that is open and has
// no end, and a command without either writes its output into a full pipe.
var blocked = map[string][]string{
	"check":      {"FIFO", "OPEN", "-", "../../../testdata/ec2/groups.json", "--table ../../../testdata/ec2/groups.json"},
	"rules":      {"FIFO", "OPEN", "-", "../../../testdata/ec2/groups.json", "A --name NAME"},
	"probe":      {"--groups FIFO --from 1.1.1.1 --protocol icmp", "--groups ../../../testdata/ec2/groups.json --group sg-0a1 --batch OPEN", "--groups ../../../testdata/ec2/groups.json --group sg-0a1 --from 1.1.1.1 --protocol icmp"},
	"run":        {"FIFO", "OPEN", "--rootless always OPEN", "--groups FIFO", "--record FIFO", "--report json=FIFO", "--interval 1ms --format json", "--interval 1ms --rootless always", "-q --interval 1ms ping restart"},
	"report":     {"FIFO", "OPEN", "-", "../../../testdata/ping.jsonl", "--format html ../../../testdata/ping.jsonl", "-o FIFO ../../../testdata/ping.jsonl"},
	"replay":     {"FIFO", "OPEN", "-", "--speed 0 ../../../testdata/ping.jsonl"},
	"up":         {"FIFO", "OPEN", "--plain --name other"},
	"load":       {"--name NAME unknown"},
	"list":       {""},
	"models":     {""},
	"what-if":    {"FIFO", "OPEN", "-", "../../../testdata/plan/rename.json"},
	"compare":    {"ping", "FIFO"},
	"show":       {"ping"},
	"schema":     {""},
	"help":       {"run"},
	"completion": {"bash"},
	"doctor":     {""},
	"status":     {"--name NAME"},
	"flows":      {"--name NAME --format json", "--name NAME --watch"},
	"trace":      {"--name NAME --format jsonl"},
	"events":     {"--name NAME"},
	"groups":     {"--name NAME A lab"},
	"authorize":  {"--name NAME ssh"},
	"revoke":     {"--name NAME ssh"},
	"acl":        {"--name NAME A"},
	"cut":        {"--name NAME --all"},
	"record":     {"--name NAME FIFO"},
	"capture":    {"--name NAME A -o FIFO", "--name NAME A"},
	"ps":         {""},
}

// The commands of which nothing can wait so, and why.
var notBlocked = map[string]string{
	"exec":        "becomes another program",
	"down":        "the lab is gone by the time that it writes",
	"prefix-list": "writes like acl, of a lab with lists",
	"outlive":     "writes one line",
}

func TestSignalsEndEveryCommand(t *testing.T) {
	t.Parallel()
	for _, c := range cli.Commands().Commands() {
		if (blocked[c.Name()] == nil) == (notBlocked[c.Name()] == "") {
			t.Errorf("command %s belongs in one of the two tables", c.Name())
		}
	}
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP) // under nohup, children would ignore it
	defer signal.Stop(caught)
	k := keep(t, nstest.LabBuilder(t), "signals")
	limit := make(chan struct{}, 16) // processes at a time
	var all sync.WaitGroup
	signals := []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM}
	for i, command := range slices.Sorted(maps.Keys(blocked)) {
		for j, args := range blocked[command] {
			sig, dir := signals[(i+j)%len(signals)], t.TempDir() // all are handled in one place
			all.Go(func() {
				limit <- struct{}{}
				defer func() { <-limit }()
				if err := k.endsBy(sig, dir, command+" "+args); err != nil {
					t.Errorf("%s %s, %s: %v", command, args, sig, err)
				}
			})
		}
	}
	all.Wait()
}

// endsBy sends a signal to a command once it waits, and says what is wrong with its end.
func (k *kept) endsBy(sig syscall.Signal, dir, line string) error {
	drain, full, err := pipe(true)
	if err != nil {
		return err
	}
	defer drain.Close()
	defer full.Close()
	stdin, silent, err := pipe(false)
	if err != nil {
		return err
	}
	defer stdin.Close()
	defer silent.Close()
	for _, name := range []string{"FIFO", "OPEN"} {
		path := filepath.Join(dir, name)
		if err := unix.Mkfifo(path, 0o600); err != nil {
			return err
		}
		line = strings.ReplaceAll(line, name, path)
	}
	open, err := os.OpenFile(filepath.Join(dir, "OPEN"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer open.Close()
	c := exec.Command(k.path, strings.Fields(strings.ReplaceAll(line, "NAME", k.name))...)
	c.Env = k.env
	if !strings.Contains(line, dir) && !strings.HasSuffix(line, " -") {
		c.Stdout, c.Stderr = full, full
	}
	c.Stdin = stdin
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	for call, before := "", "none"; call == "" || call != before; {
		before, call = call, waitsIn(c.Process.Pid, open.Name())
		select {
		case <-ended:
			return fmt.Errorf("ends before it waits: %v", c.ProcessState)
		case <-time.After(10 * time.Millisecond): // looking is expensive
		}
	}
	_ = c.Process.Signal(sig)
	select {
	case <-ended:
	case <-time.After(10 * time.Second): // a second, on a machine that has time
		_ = c.Process.Kill()
		<-ended
		return fmt.Errorf("does not end")
	}
	// On a busy machine a read that takes long is one of the program's own beginning, when the signal
	// kills it. For a shell that is the same.
	if status := c.ProcessState.Sys().(syscall.WaitStatus); status.ExitStatus() != 128+int(sig) && (!status.Signaled() || status.Signal() != sig) {
		return fmt.Errorf("ends otherwise: %v", c.ProcessState)
	}
	return nil
}

// pipe returns both ends of a pipe. If it is full, it takes no more.
func pipe(full bool) (r, w *os.File, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	if full {
		err = unix.SetNonblock(ends[1], true)
		for err == nil {
			_, err = unix.Write(ends[1], make([]byte, 4096))
		}
		if errors.Is(err, unix.EAGAIN) {
			err = unix.SetNonblock(ends[1], false)
		}
	}
	return os.NewFile(uintptr(ends[0]), "read end"), os.NewFile(uintptr(ends[1]), "write end"), err
}

// waitsIn returns a system call in which a process, or one that it has started, waits to open, read
// or write a file; or the name of the pipe, if it has that open.
func waitsIn(pid int, pipe string) string {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, file := range files {
		if target, _ := os.Readlink(file); target == pipe {
			return pipe
		}
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, task := range tasks {
		call, _ := os.ReadFile(task + "/syscall")
		for _, waiting := range []int{unix.SYS_OPENAT, unix.SYS_READ, unix.SYS_WRITE} {
			if strings.HasPrefix(string(call), fmt.Sprint(waiting, " ")) {
				return task + " " + string(call)
			}
		}
		children, _ := os.ReadFile(task + "/children")
		for _, child := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				if call := waitsIn(n, pipe); call != "" {
					return call
				}
			}
		}
	}
	return ""
}
