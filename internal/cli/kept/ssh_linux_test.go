package kept_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lablab/internal/nstest"
)

// An sshServer is sshd in a host of a lab, with its own keys.
type sshServer struct {
	*kept
	host, directory, login string
}

// sshd starts sshd in a host. It is the usual server only in a lab of root's. A user namespace has
// a single user, so there it runs as an ordinary user's server, which may listen on port 22 but
// cannot allocate terminals.
func sshd(t *testing.T, k *kept, host string) *sshServer {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &sshServer{kept: k, host: host, directory: t.TempDir(), login: me.Username}
	for _, name := range []string{"host", "user"} {
		if out, err := exec.Command(nstest.Tool(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", s.file(name)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	server := []string{
		nstest.Tool(t, "sshd"), "-D", "-e", "-f", "/dev/null", "-h", s.file("host"),
		"-o", "AuthorizedKeysFile=" + s.file("user.pub"), "-o", "StrictModes=no", "-o", "PidFile=none",
	}
	// A PID namespace of its own: sessions end with the server, although they outlive a lost connection.
	own := []string{nstest.Tool(t, "unshare"), "--pid", "--fork", "--kill-child"}
	if me.Uid == "0" {
		// No other process sees what is mounted there.
		server = append([]string{"sh", "-c", `mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$0" "$@"`}, append(server, "-o", "UsePAM=yes")...)
	} else {
		// The user who runs the tests may have no login shell.
		s.login = "me"
		users := fmt.Sprintf("root:x:0:0::/:/bin/sh\nsshd:x:1:1::/:/bin/false\nme:x:%s:%s::/:/bin/sh\n", me.Uid, me.Gid)
		if err := os.WriteFile(s.file("passwd"), []byte(users), 0o600); err != nil {
			t.Fatal(err)
		}
		k.must("exec", host, "--", "sh", "-c", `echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start; mount --bind "$0" /etc/passwd`, s.file("passwd"))
		own = append(own, "--user", "--map-user="+me.Uid, "--map-group="+me.Gid)
	}
	server = append(own, server...)
	d := k.daemon(host, nil, server...)
	t.Cleanup(func() { _ = d.Process.Kill() }) // unshare(1) ignores an interrupt while it waits
	d.says(t, "Server listening")
	return s
}

func (s *sshServer) file(name string) string { return filepath.Join(s.directory, name) }

// ssh returns a command line of the client.
func (s *sshServer) ssh(more ...string) []string {
	command := []string{
		"ssh", "-T", "-F", "none", "-i", s.file("user"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "LogLevel=ERROR", "-o", "ConnectTimeout=1", s.login + "@" + s.host,
	}
	return append(command, more...)
}

// A shell is the remote end of a session, and answers the test's questions.
type shell struct {
	*daemon
	keyboard *os.File
	asked    int
}

// session logs in from another host.
func (s *sshServer) session(t *testing.T, from string) *shell {
	t.Helper()
	input, keyboard, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	d := s.daemon(from, input, s.ssh("sh")...)
	_ = input.Close()
	return &shell{daemon: d, keyboard: keyboard}
}

// ask types a command, and returns the answer to expect.
func (s *shell) ask(t *testing.T) string {
	t.Helper()
	s.asked++
	if _, err := fmt.Fprintf(s.keyboard, "echo answer-$((%d * 1000))\n", s.asked); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("answer-%d000\n", s.asked)
}

// A session that a rule for one address admitted is tracked. It outlives the rule, while new
// sessions are dropped. It ends with its entry.
func TestSSHOutlivesItsRule(t *testing.T) {
	t.Parallel()
	nstest.Tools(t, "ssh", "ssh-keygen", "sshd", "unshare")
	k := keep(t, nstest.LabBuilder(t), "ssh-office", "ssh-from-office")
	server := sshd(t, k, "server")
	session := server.session(t, "office")
	session.says(t, session.ask(t))
	if flows := k.must("flows", "server"); !strings.Contains(flows, ":22 ") || !strings.Contains(flows, ", ESTABLISHED SEEN_REPLY ASSURED CONFIRMED, admitted by ssh\n") {
		t.Errorf("who let it in?\n%s", flows)
	}

	k.must("revoke", "ssh")
	session.says(t, session.ask(t))
	if flows := k.must("flows", "server"); !strings.Contains(flows, "admitted by ssh (gone)\n") {
		t.Errorf("who let it in?\n%s", flows)
	}
	if out, err := k.run("exec", append([]string{"office", "--"}, server.ssh("true")...)...); nstest.ExitCode(err) != 255 || !strings.Contains(out, "timed out") {
		t.Errorf("another session: %v: %s", err, out)
	}

	trace := k.begin("trace", nil, "server", "--port", "22")
	trace.says(t, "press Ctrl-C to stop")
	if out := k.must("cut", "--admitted-by", "ssh"); out != "1 entry deleted\n" {
		t.Error(out)
	}
	answer := session.ask(t)
	trace.says(t, "ingress invalid     DROP   by default-deny") // mid-connection, and conntrack has no entry for it
	if strings.Contains(session.said(), answer) {
		t.Error("the session goes on without its entry")
	}
}

// A session that a rule for any address allows is untracked, as EC2 documents. It ends with the
// rule.
func TestSSHEndsWithItsRule(t *testing.T) {
	t.Parallel()
	nstest.Tools(t, "ssh", "ssh-keygen", "sshd", "unshare")
	k := keep(t, nstest.LabBuilder(t), "ssh-world", "ssh-from-world")
	server := sshd(t, k, "server")
	session := server.session(t, "office")
	session.says(t, session.ask(t))
	if flows := k.must("flows", "server"); !regexp.MustCompile(`:22 .* untracked\n`).MatchString(flows) {
		t.Errorf("it is not untracked:\n%s", flows)
	}
	trace := k.begin("trace", nil, "server", "--port", "22")
	trace.says(t, "press Ctrl-C to stop")
	k.must("revoke", "ssh")
	answer := session.ask(t)
	trace.says(t, "ingress untracked   DROP   by default-deny")
	if strings.Contains(session.said(), answer) {
		t.Error("the session goes on without its rule")
	}
	k.must("authorize", "ssh") // TCP has been retransmitting all the while
	session.says(t, answer)
}
