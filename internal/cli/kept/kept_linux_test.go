package kept_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lablab/internal/control"
	"lablab/internal/nstest"
	"lablab/sg"
	"lablab/timeline"
)

// A kept is a lab in its own process, and the command that talks to it.
type kept struct {
	t         *testing.T
	path      string
	name      string
	directory string // of its socket
	env       []string
}

// keep starts a lab that is taken down when the test ends; more are further arguments of up.
func keep(t *testing.T, path, name string, more ...string) *kept {
	t.Helper()
	// Keep it short: a socket's path has at most 108 bytes.
	runtime, err := os.MkdirTemp("", "kept")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(runtime) })
	k := &kept{t: t, path: path, name: fmt.Sprintf("%s-%d", name, os.Getpid()), env: append(os.Environ(), "XDG_RUNTIME_DIR="+runtime)}
	k.directory = control.Directory(func(key string) string { return map[string]string{"XDG_RUNTIME_DIR": runtime}[key] }, os.Getuid())
	k.must("up", append([]string{"-d"}, more...)...)
	t.Cleanup(func() { _, _ = k.run("down") })
	return k
}

func (k *kept) command(verb string, args ...string) *exec.Cmd {
	c := exec.Command(k.path, append([]string{verb, "--name", k.name}, args...)...)
	c.Env = k.env
	return c
}

func (k *kept) run(verb string, args ...string) (string, error) {
	out, err := k.command(verb, args...).CombinedOutput()
	return string(out), err
}

// must returns what a command that has to succeed prints on standard output. On standard error, a
// command may have said that the lab is slow to respond.
func (k *kept) must(verb string, args ...string) string {
	k.t.Helper()
	c := k.command(verb, args...)
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		k.t.Fatalf("%s %v: %v\n%s%s", verb, args, err, out, said.Bytes())
	}
	return string(out)
}

func (k *kept) status() control.Status {
	k.t.Helper()
	var s control.Status
	if err := json.Unmarshal([]byte(k.must("status", "--format", "json")), &s); err != nil {
		k.t.Fatal(err)
	}
	return s
}

// within fails the test if do takes longer.
func within(t *testing.T, most time.Duration, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(most):
		t.Fatalf("%s takes longer than %s", what, most)
	}
}

// watch reads the whole timeline of a lab.
func (k *kept) watch(events *[]string) error {
	client := control.Dial(k.directory, k.name)
	defer client.Close()
	return client.Events(context.Background(), func() {}, func(e timeline.Event) error {
		line, err := json.Marshal(e)
		*events = append(*events, string(line))
		return err
	})
}

// A kept lab survives whatever happens to it and to its clients.
func TestKept(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	for name, test := range map[string]func(*testing.T, string){
		"many": manyAtOnce, "slow": slowWatchers, "killed": killed, "clients": killedClients, "down": downDuringChange, "suspended": suspended, "silent": silent, "replaced": replaced, "given up": givenUp, "unplugged": unplugged, "same name": sameName,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, path)
		})
	}
}

// Twenty clients change, watch and execute at once. Each change happens once, and all watchers see
// the same.
func manyAtOnce(t *testing.T, path string) {
	k := keep(t, path, "many")
	const clients, watchers = 20, 4
	var watching, working sync.WaitGroup
	seen := make([][]string, watchers)
	for i := range seen {
		watching.Go(func() {
			if err := k.watch(&seen[i]); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range clients {
		working.Go(func() {
			cidr := fmt.Sprintf("10.%d.0.0/24", i)
			for _, args := range [][]string{
				{"authorize", "--protocol", "udp", "--port", "53", "--cidr", cidr}, {"exec", "A", "--", "true"},
				{"flows", "A"}, {"revoke", "--protocol", "udp", "--port", "53", "--cidr", cidr},
			} {
				if out, err := k.run(args[0], args[1:]...); err != nil {
					t.Errorf("%v: %v\n%s", args, err, out)
				}
			}
		})
	}
	working.Wait()
	k.must("down")
	watching.Wait()
	for i := range seen {
		if strings.Join(seen[i], "\n") != strings.Join(seen[0], "\n") {
			t.Errorf("watcher %d has seen something else", i)
		}
	}
	all := strings.Join(seen[0], "\n")
	for i := range clients {
		for _, kind := range []string{"rule_authorized", "rule_revoked"} {
			n := 0
			for _, line := range seen[0] {
				if strings.Contains(line, `"kind":"`+kind+`"`) && strings.Contains(line, fmt.Sprintf(`10.%d.0.0/24"`, i)) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s of client %d: %d times", kind, i, n)
			}
		}
	}
	if !strings.HasSuffix(all, `"kind":"ended","body":{}}`) {
		t.Error("the timeline has no end")
	}
}

// A watcher that does not read, or is stopped, holds up no other process.
func slowWatchers(t *testing.T, path string) {
	nstest.Tool(t, "ping")
	k := keep(t, path, "slow")
	conn, err := net.Dial("unix", control.Socket(k.directory, k.name))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1/events HTTP/1.1\r\nHost: lab\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	stopped := k.command("events")
	out, err := stopped.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := stopped.Start(); err != nil {
		t.Fatal(err)
	}
	nstest.WaitFor(t, out, `"kind":"ready"`)
	stop(t, stopped.Process.Pid)
	const packets = "5000" // many times the capacity of a socket
	within(t, time.Minute, "the flood", func() {
		if out := k.must("exec", "B", "--", "ping", "-q", "-f", "-c", packets, "A"); !strings.Contains(out, " 0% packet loss") {
			t.Error(out)
		}
	})
	within(t, 10*time.Second, "a change", func() { k.must("revoke", "icmp") })
	within(t, 10*time.Second, "status", func() { k.status() })
	within(t, 10*time.Second, "down", func() { k.must("down") })
	_ = stopped.Process.Signal(syscall.SIGCONT)
	within(t, 10*time.Second, "the end of who was stopped", func() {
		_, _ = io.Copy(io.Discard, out)
		_ = stopped.Wait()
	})
}

// A killed lab leaves only a socket, which the next lab replaces.
func killed(t *testing.T, path string) {
	k := keep(t, path, "killed")
	was := k.status()
	watchers := []*daemon{k.begin("trace", nil), k.begin("record", nil, filepath.Join(t.TempDir(), "r.jsonl")), k.begin("capture", nil, "A", "-o", filepath.Join(t.TempDir(), "r.pcapng"))}
	for _, w := range watchers {
		w.says(t, "press Ctrl-C to stop")
	}
	_ = syscall.Kill(was.PID, syscall.SIGKILL)
	for _, w := range watchers {
		if code := nstest.ExitCode(w.ended()); code != 4 || !strings.Contains(w.said(), "the lab ended before it had sent everything: "+k.name) {
			t.Errorf("exit code %d: %s", code, w.said())
		}
	}
	within(t, 5*time.Second, "the end", func() {
		for {
			if _, err := os.Stat(was.Hosts[0].Namespace); err != nil {
				return
			}
			<-time.After(time.Millisecond)
		}
	})
	if out, err := k.run("status"); nstest.ExitCode(err) != 2 || !strings.Contains(out, "error: no such lab is running: "+k.name) {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := k.run("down"); err != nil || out != "" {
		t.Errorf("down on nothing: %v: %s", err, out)
	}
	k.must("up", "-d")
	if now := k.status(); now.PID == was.PID {
		t.Error("it is the same lab")
	}
	k.must("down")
	if left, _ := filepath.Glob(filepath.Join(k.directory, k.name+".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A killed client or program changes nothing for the others.
func killedClients(t *testing.T, path string) {
	nstest.Tool(t, "ping")
	k := keep(t, path, "clients")
	for _, args := range [][]string{{"events"}, {"trace", "A"}, {"record", filepath.Join(t.TempDir(), "r.jsonl")}, {"exec", "B", "--", "ping", "A"}} {
		c := k.command(args[0], args[1:]...)
		reader, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		c.Stderr = c.Stdout
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		nstest.WaitFor(t, reader, map[string]string{"events": "ready", "exec": "bytes from", "trace": "Ctrl-C", "record": "Ctrl-C"}[args[0]])
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	k.must("exec", "B", "--", "ping", "-q", "-c1", "A")
	k.must("revoke", "icmp")
}

// The lab is taken down while clients change it. Each gets an answer, and none waits.
func downDuringChange(t *testing.T, path string) {
	k := keep(t, path, "down")
	var changing sync.WaitGroup
	for i := range 8 {
		changing.Go(func() {
			for j := range 100 {
				out, err := k.run("authorize", "--protocol", "udp", "--port", fmt.Sprint(j+1), "--cidr", fmt.Sprintf("10.%d.0.0/16", i))
				if err == nil {
					continue
				}
				if nstest.ExitCode(err) != 2 || strings.Count(out, "error: ") != 1 {
					t.Errorf("%v: %s", err, out)
				}
				return
			}
			t.Error("the lab is still there")
		})
	}
	<-time.After(100 * time.Millisecond)
	within(t, 5*time.Second, "down", func() { k.must("down") })
	within(t, 10*time.Second, "the others", changing.Wait)
}

// The lab's process is stopped for a while, as when a laptop sleeps. The kernel keeps connections
// going meanwhile, and then the lab continues.
func suspended(t *testing.T, path string) {
	nstest.Tool(t, "ping")
	k := keep(t, path, "suspended")
	status := k.status()
	ping := k.command("exec", "B", "--", "ping", "-q", "-i0.2", "-c10", "A")
	var out bytes.Buffer
	ping.Stdout = &out
	if err := ping.Start(); err != nil {
		t.Fatal(err)
	}
	<-time.After(300 * time.Millisecond)
	stop(t, status.PID)
	<-time.After(time.Second)
	_ = syscall.Kill(status.PID, syscall.SIGCONT)
	if err := ping.Wait(); err != nil || !strings.Contains(out.String(), " 0% packet loss") {
		t.Errorf("%v\n%s", err, &out)
	}
	within(t, 5*time.Second, "a change", func() { k.must("revoke", "icmp") })
}

// writeProgram writes a program while no child is being started: a child that has a copy of the
// open file keeps the program from being run (ETXTBSY).
func writeProgram(name string, program []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(name, program, 0o755)
}

// Another user of the machine cannot reach a lab: the mode of its socket forbids it, and so does
// the lab itself.
func TestKeptFromOthers(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	path := nstest.LabBuilder(t)
	k := keep(t, path, "others")
	// A directory and a program that every user may use.
	public, err := os.MkdirTemp("/run", "lablab-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(public) })
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(public, "program")
	socket := control.Socket(k.directory, k.name)
	for _, err := range []error{
		os.Chmod(public, 0o755), writeProgram(theirs, program), os.Chmod(theirs, 0o755),
		os.Mkdir(filepath.Join(public, "lablab"), 0o755), os.Symlink(socket, control.Socket(filepath.Join(public, "lablab"), k.name)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const nobody = 65534
	if err := os.Chown(filepath.Join(public, "lablab"), nobody, nobody); err != nil { // the other user only accepts its own files
		t.Fatal(err)
	}
	ask := func() (string, error) {
		c := exec.Command(theirs, "status", "--name", k.name)
		c.Env = []string{"XDG_RUNTIME_DIR=" + public}
		c.Dir = "/"
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := ask(); err == nil || !strings.Contains(out, "permission denied") {
		t.Errorf("%v: %s", err, out)
	}
	link := control.Socket(filepath.Join(public, "lablab"), k.name)
	for _, err := range []error{
		os.Remove(link), os.WriteFile(link, nil, 0o600), syscall.Mount(socket, link, "", syscall.MS_BIND, ""), os.Chmod(link, 0o777),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	defer func() { _ = syscall.Unmount(link, syscall.MNT_DETACH) }()
	if out, err := ask(); err == nil || strings.Contains(out, "permission denied") || strings.Contains(out, "host A") {
		t.Errorf("with a socket that is open to all: %v: %s", err, out)
	}
	k.must("status")
}

// Names from other sources cannot inject terminal control sequences.
func TestNamesCannotSmuggle(t *testing.T) {
	t.Parallel()
	k := keep(t, nstest.LabBuilder(t), "names")
	const evil = "\x1b]0;owned\a\x1b[31m"
	client := control.Dial(k.directory, k.name)
	defer client.Close()
	var out strings.Builder
	for _, args := range [][]string{
		{"exec", evil, "true"}, {"exec", "A", evil}, {"flows", evil}, {"trace", evil}, {"rules", evil}, {"groups", "A", evil}, {"revoke", evil}, {"authorize", evil},
		{"authorize", "--protocol", "tcp", "--source-group", evil}, {"authorize", "--group-id", evil, "icmp"}, {"authorize", "--protocol", evil, "--cidr", evil},
		{"authorize", "--ip-permissions", `[{"IpProtocol":"tcp","FromPort":1,"ToPort":1,"UserIdGroupPairs":[{"GroupId":"\u001b[31m"}]}]`},
		{"acl", evil, "off"}, {"prefix-list", evil, "--add-entries", "10.0.0.0/8"}, {"prefix-list", "office", "--add-entries", evil}, {"acl", "A", "--ingress", evil}, {"cut", evil}, {"cut", "--all", "--host", evil}, {"trace", "--from", evil}, {"status", "--format", evil},
	} {
		text, err := k.run(args[0], args[1:]...)
		if err == nil {
			t.Errorf("%q is taken", args)
		}
		out.WriteString(text)
	}
	text, _ := exec.Command(k.path, "status", "--name", evil).CombinedOutput()
	out.Write(text)
	rule := `{"group":"lab","direction":"ingress","rules":[{"ID":"\u001b[31m","Protocol":6,"From":22,"To":22,"Peer":"10.0.0.0/8"}]}`
	var change sg.Authorize
	if err := json.Unmarshal([]byte(rule), &change); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Apply(context.Background(), change); err == nil {
		t.Error("a rule with such an id is taken")
	}
	out.WriteString(k.must("status") + k.must("flows") + k.must("rules", "A"))
	if strings.ContainsAny(out.String(), "\x1b\a") {
		t.Errorf("a control sequence gets through: %q", out.String())
	}
}
