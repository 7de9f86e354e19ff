package kept_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lablab/internal/nstest"
)

// A daemon is a program that runs inside a host in the background.
type daemon struct {
	*exec.Cmd
	mu   sync.Mutex
	text bytes.Buffer
	done chan struct{} // closed when it has ended
	err  error         // why it has ended
}

// Write takes the program's output.
func (d *daemon) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(b)
}

// said returns the program's output so far.
func (d *daemon) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// says waits until the program has written a word.
func (d *daemon) says(t *testing.T, word string) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for !strings.Contains(d.said(), word) {
		select {
		case <-d.done:
			if !strings.Contains(d.said(), word) {
				t.Fatalf("%v has ended (%v) and never said %q, but\n%s", d.Args, d.err, word, d.said())
			}
		case <-deadline:
			t.Fatalf("%v never says %q, but\n%s", d.Args, word, d.said())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// daemon starts a program inside a host; it ends with the test.
func (k *kept) daemon(host string, input io.Reader, args ...string) *daemon {
	k.t.Helper()
	return k.begin("exec", input, append([]string{host, "--"}, args...)...)
}

// begin starts a command that keeps running; it ends with the test.
func (k *kept) begin(verb string, input io.Reader, args ...string) *daemon {
	k.t.Helper()
	d := &daemon{Cmd: k.command(verb, args...)}
	d.Stdin = input
	d.run(k.t)
	return d
}

// run starts the program.
func (d *daemon) run(t *testing.T) {
	t.Helper()
	d.Stdout, d.Stderr, d.WaitDelay = d, d, 5*time.Second // for children that inherit its output
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	d.done = make(chan struct{})
	go func() {
		defer close(d.done)
		d.err = d.Wait()
	}()
	t.Cleanup(d.end)
}

// ended waits until the program has ended, and returns why. It kills a program that still runs
// after a minute.
func (d *daemon) ended() error {
	defer time.AfterFunc(time.Minute, func() { _ = d.Process.Kill() }).Stop()
	<-d.done
	return d.err
}

// end interrupts the program, unless it has ended.
func (d *daemon) end() {
	_ = d.Process.Signal(os.Interrupt)
	_ = d.ended()
}

// wait waits until the program ends by itself.
func (d *daemon) wait(t *testing.T) {
	t.Helper()
	within(t, 10*time.Second, strings.Join(d.Args, " "), func() {
		if err := d.ended(); err != nil {
			t.Errorf("%v: %v\n%s", d.Args, err, d.said())
		}
	})
}

// eachWay runs a test in an ordinary lab, and in one in a user namespace.
func eachWay(t *testing.T, test func(t *testing.T, k *kept)) {
	path := nstest.LabBuilder(t)
	for _, rootless := range []string{"auto", "always"} {
		t.Run(rootless, func(t *testing.T) {
			t.Parallel()
			name := fmt.Sprintf("%s-%08x", rootless, crc32.ChecksumIEEE([]byte(t.Name()))) // short: it is part of a socket's path
			test(t, keep(t, path, name, "--rootless", rootless))
		})
	}
}

// allow allows a port from the lab's own network.
func (k *kept) allow(protocol, port string) {
	k.t.Helper()
	k.must("authorize", "--protocol", protocol, "--port", port, "--cidr", "10.255.0.0/16")
}

// listening waits until a program inside a host listens on a port.
func (k *kept) listening(host, flag, port string) {
	k.t.Helper()
	eventually(k.t, "somebody listens at port "+port, func() bool {
		return strings.Contains(k.must("exec", host, "--", "ss", "-Hln"+flag), ":"+port+" ")
	})
}

// nc sends both ways, by TCP and UDP, from either host to the other.
func TestNetcat(t *testing.T) {
	t.Parallel()
	nstest.Tools(t, "nc.openbsd", "ss")
	eachWay(t, func(t *testing.T, k *kept) {
		k.allow("tcp", "7777")
		k.allow("udp", "7777")
		for _, ends := range [][2]string{{"B", "A"}, {"A", "B"}} {
			for flag, quit := range map[string][]string{"t": {"-N"}, "u": {"-u", "-W1"}} {
				listen := []string{"nc.openbsd", "-l", "-p", "7777"}
				if flag == "u" {
					listen = append(listen, "-u")
				}
				server := k.daemon(ends[1], strings.NewReader("from the server\n"), listen...)
				k.listening(ends[1], flag, "7777")
				client := k.daemon(ends[0], strings.NewReader("from the client\n"), append(append([]string{"nc.openbsd"}, quit...), ends[1], "7777")...)
				client.says(t, "from the server")
				server.says(t, "from the client")
				server.end()
				client.end()
			}
		}
	})
}

// curl fetches a page from Python's server by the name of its host.
func TestCurl(t *testing.T) {
	t.Parallel()
	nstest.Tools(t, "curl", "ss")
	python := nstest.Tool(t, "python3")
	eachWay(t, func(t *testing.T, k *kept) {
		site := t.TempDir()
		if err := os.WriteFile(filepath.Join(site, "page"), []byte("a page of A\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		k.daemon("A", nil, python, "-m", "http.server", "8000", "--directory", site)
		k.listening("A", "t", "8000")
		fetch := func(seconds string) (string, error) {
			return k.run("exec", "B", "--", "curl", "-sS", "--noproxy", "*", "--max-time", seconds, "http://A:8000/page")
		}
		if out, err := fetch("1"); nstest.ExitCode(err) != 28 {
			t.Errorf("with no rule that allows it: %v: %s", err, out)
		}
		k.allow("tcp", "8000")
		if out, err := fetch("30"); err != nil || out != "a page of A\n" {
			t.Errorf("%v: %s", err, out)
		}
		if flows := k.must("flows", "A"); !strings.Contains(flows, ":8000 ") || !strings.Contains(flows, "admitted by tcp-8000-10.255.0.0-16") {
			t.Errorf("no flow of it:\n%s", flows)
		}
	})
}

// iperf3 measures some megabytes of TCP and of UDP.
func TestIperf(t *testing.T) {
	t.Parallel()
	nstest.Tools(t, "iperf3", "ss")
	eachWay(t, func(t *testing.T, k *kept) {
		k.allow("tcp", "5201")
		k.allow("udp", "5201")
		k.daemon("A", nil, "iperf3", "-s")
		k.listening("A", "t", "5201")
		for _, flags := range [][]string{{"-n", "10M"}, {"-n", "10M", "-R"}, {"-n", "1M", "-u", "-b", "100M"}} {
			out := k.must("exec", append([]string{"B", "--", "iperf3", "-c", "A"}, flags...)...)
			received := false // in all; a short interval may have nothing
			for line := range strings.Lines(out) {
				received = received || strings.Contains(line, "receiver") && !strings.Contains(line, " 0.00 bits/sec")
			}
			if !received {
				t.Errorf("%v:\n%s", flags, out)
			}
		}
		within(t, 10*time.Second, "status after it", func() { k.status() })
	})
}

// tcpdump sees the packets of its host, including those that the rules will drop. It wants to
// switch to another user, but a user namespace has none, so there it reads a capture.
func TestTcpdump(t *testing.T) {
	t.Parallel()
	nstest.Tool(t, "ping")
	program := nstest.Tool(t, "tcpdump")
	eachWay(t, func(t *testing.T, k *kept) {
		var dump *daemon
		if k.status().Rootless {
			dump = &daemon{Cmd: exec.Command("sh", "-c", `"$0" capture --name "$1" A --count 3 -o - | "$2" -n -r - icmp`, k.path, k.name, program)}
			dump.Env = k.env
			dump.run(t)
			dump.says(t, "press Ctrl-C to stop")
		} else {
			dump = k.daemon("A", nil, program, "-n", "-l", "-i", "eth0", "-c", "3", "icmp")
			dump.says(t, "listening on")
		}
		k.must("exec", "B", "--", "ping", "-q", "-c1", "A")
		k.must("revoke", "icmp")
		_, _ = k.run("exec", "B", "--", "ping", "-q", "-c1", "-W1", "A")
		dump.wait(t)
		if out := dump.said(); strings.Count(out, "ICMP echo request") != 2 || strings.Count(out, "ICMP echo reply") != 1 {
			t.Error(out)
		}
	})
}
