package cli

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lablab/internal/control"
	"lablab/internal/view"
	"lablab/lab"
	"lablab/ns"
	"lablab/packet"
	"lablab/render"
	"lablab/say"
	"lablab/scenario"
)

// up keeps a lab until it is taken down, and returns the exit code.
func up(env Env, f upFlags) (code int, err error) {
	if f.detach && !ns.IsRootless() {
		return detach(env, f)
	}
	web, err := f.listenWeb()
	if err != nil {
		return 0, err
	}
	if done, code, err := elsewhere(env, f.rootless, web.files()...); done {
		return code, err
	}
	sc, err := f.scenario()
	if err != nil {
		return 0, writeProblems(env, err)
	}
	writeLeftOut(env, sc.LeftOut)
	ctx, cancel := env.interruptible()
	defer cancel()
	if err := checkRulesets(ctx, []*scenario.Scenario{sc}); err != nil {
		return 0, writeProblems(env, err)
	}
	listener, err := control.Listen(control.Directory(env.Getenv, owner()), f.name)
	if errors.Is(err, control.ErrRuns) {
		return runsAlready(env, f)
	}
	if err != nil {
		return 0, failure(ctx, lab.Explain(err))
	}
	defer func() { _ = listener.Close() }()
	if err := lab.Affords(0, 1, len(sc.Hosts)); err != nil {
		return 0, err
	}
	prepare, err := namesHosts()
	if err != nil {
		return 0, failure(ctx, lab.Explain(err))
	}
	const interval = time.Second // ping(8)'s interval
	keeper, err := control.Keep(ctx, sc, lab.Options{Interval: interval, Rootless: ns.IsRootless(), Version: version()}, prepare)
	if err != nil {
		return 0, failure(ctx, err)
	}
	const enough = 16 // for those who watch the lab and those who change it
	if err := lab.SpareFiles(enough); err != nil {
		return 0, failure(ctx, errors.Join(err, keeper.Close()))
	}
	if err := f.keep(ctx, env, keeper, listener, web); err != nil {
		return 0, &brokenError{err: err}
	}
	return exitHeld, nil // Ctrl-C is the intended way to end it
}

// keep serves the lab to other processes and shows it, until it is taken down, ctx ends or the lab
// fails.
func (f upFlags) keep(ctx context.Context, env Env, keeper *control.Keeper, listener net.Listener, web *website) error {
	down, cancelDown := context.WithCancel(ctx)
	defer cancelDown()
	server := control.Serve(keeper, f.about(web), listener, cancelDown)
	if err := web.serve(server); err != nil {
		return errors.Join(err, keeper.Close(), server.Close())
	}
	viewed := f.viewed(env)
	var greeted error
	if !viewed {
		client := env.lab(f.name)
		status, err := client.Status(down)
		client.Close()
		if err == nil {
			greeted = greet(env, f, status) // the lab goes on without a reader
		} else if down.Err() == nil { // not taken down yet
			return errors.Join(err, keeper.Close(), server.Close(), web.close())
		}
	}
	alive, died := context.WithCancelCause(down)
	defer died(nil)
	defer context.AfterFunc(keeper.Broken(), func() { died(context.Cause(keeper.Broken())) })()
	shown := make(chan error, 1)
	go func() {
		if viewed {
			shown <- watch(alive, env, f, keeper, cancelDown)
			return
		}
		shown <- errors.Join(greeted, follow(env, f, keeper))
	}()
	<-alive.Done()
	var err error
	if keeper.Broken().Err() != nil {
		err = context.Cause(keeper.Broken())
	}
	if viewed { // its summary has the lab's last state, unless the terminal takes no more
		waiting, stop := ns.WithPatience(context.Background(), lastWords, context.DeadlineExceeded)
		select {
		case viewErr := <-shown:
			shown <- viewErr
		case <-waiting.Done():
		}
		stop()
	}
	err = errors.Join(err, keeper.Close(), server.Close(), web.close())
	return errors.Join(err, <-shown)
}

// about returns the part of the status that never changes.
func (f upFlags) about(web *website) control.Status {
	return control.Status{Name: f.name, Version: version(), PID: os.Getpid(), Rootless: ns.IsRootless(), Web: web.url()}
}

// Processes that enter a rootless lab find its mounts in /proc/PID/ns/mnt: those of the main thread,
// which namesHosts changes.
func init() { ns.HoldMain() }

// namesHosts returns a function that makes the names of a lab's hosts resolvable. A process that
// enters a rootless lab later cannot do that itself.
func namesHosts() (func([]scenario.Host) error, error) {
	if !ns.IsRootless() {
		return func([]scenario.Host) error { return nil }, nil
	}
	file, err := ns.OwnHosts()
	if err != nil || file == nil {
		return func([]scenario.Host) error { return nil }, err
	}
	return func(of []scenario.Host) error {
		var hosts []control.Host
		for _, h := range of {
			host := control.Host{Name: h.Name, Address: h.Address.String()}
			if h.Second.IsValid() {
				host.Second = h.Second.String()
			}
			hosts = append(hosts, host)
		}
		_, err := file.WriteAt([]byte(hostNames(hosts)), 0)
		return errors.Join(err, file.Truncate(int64(len(hostNames(hosts)))))
	}, nil
}

// follow writes one line for each event that is worth a sentence.
// It returns the first error of writing.
func follow(env Env, f upFlags, keeper *control.Keeper) error {
	text := render.Colour(env.Stdout, f.colour, env.Getenv)
	out := &keptError{Writer: text.Forward}
	text.Forward = out
	lines := render.NewProgress(text, nil, nil, env.Language)
	for e := range keeper.Events(context.Background()) {
		lines.Add(e)
	}
	return out.err
}

// viewed reports whether to show the lab live: on a terminal that belongs to this process.
func (f upFlags) viewed(env Env) bool {
	if f.plain || env.Getenv("TERM") == "dumb" || env.Getenv("TERM") == "" || !render.IsTerminal(env.Stdout) || !render.IsTerminal(os.Stdin) {
		return false
	}
	group, err := unix.IoctlGetInt(int(os.Stdin.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp() // a background process that touched the terminal would be stopped
}

// watch shows the lab live until ctx ends or the user quits; then it calls down. It leaves a
// summary on the terminal.
func watch(ctx context.Context, env Env, f upFlags, keeper *control.Keeper, down context.CancelFunc) error {
	defer down()
	client := env.lab(f.name)
	defer client.Close()
	watching, leave := context.WithCancel(ctx)
	defer leave()
	summary, err := view.Run(watching, view.Options{
		Name: f.name, Lab: client, Events: keeper.Events(watching), In: os.Stdin, Out: env.Stdout, Getenv: env.Getenv, Colourless: f.colour == "never", Flag: f.addressing(), Language: env.Language,
	})
	if err != nil {
		return err
	}
	return summary.Write(render.Colour(env.Stdout, f.colour, env.Getenv))
}

// addressing returns the flags with which other commands address the lab, each after a space.
func (f upFlags) addressing() string {
	flags := f.sockets.again()
	if f.name != defaultName {
		flags += " --name " + f.name
	}
	return flags
}

// greet writes what the user can do now.
func greet(env Env, f upFlags, status control.Status) error {
	name := f.addressing()
	a, b, try := status.Hosts[0], status.Hosts[1], "bash"
	if letsPingsIn(status, a) {
		try = "ping " + a.Name
	}
	lines := []string{env.Language.Sprintf("lab %s is up. In another terminal:", f.name)}
	for _, line := range []string{"exec" + name + " " + b.Name + " -- " + try, "status" + name, "flows" + name + " " + a.Name, "down" + name} {
		lines = append(lines, "  "+lab.Command(line))
	}
	if status.Web != "" {
		lines = append(lines, env.Language.Sprintf("In a browser: %s", status.Web))
	}
	return env.print(lines...)
}

// letsPingsIn reports whether one of the host's rules is for ICMP, or for all protocols.
func letsPingsIn(status control.Status, host control.Host) bool {
	for _, g := range status.Groups {
		for _, r := range g.Rules {
			if slices.Contains(host.Groups, g.ID) && r.Direction == packet.Ingress && (strings.HasPrefix(r.Text, "icmp") || strings.HasPrefix(r.Text, "all")) {
				return true
			}
		}
	}
	return false
}

// runsAlready says that the lab is already running.
func runsAlready(env Env, f upFlags) (int, error) {
	lines := []string{env.Language.Sprintf("lab %s is already running; see lablab status --name %s", f.name, f.name)}
	if f.web != "" {
		status, err := env.status(context.Background(), f.name)
		switch {
		case err == nil && status.Web != "":
			lines = append(lines, env.Language.Sprintf("In a browser: %s", status.Web))
		case err == nil:
			lines = append(lines, env.Language.Sprintf("the lab has no page; to get one: lablab down --name %s, then run this again", f.name))
		}
	}
	return exitHeld, env.print(lines...)
}

// detach starts the same command in the background, and waits until the lab responds.
func detach(env Env, f upFlags) (int, error) {
	client := env.lab(f.name)
	defer client.Close()
	ctx, cancel := env.interruptible()
	defer cancel()
	if _, err := client.Status(ctx); err == nil {
		return runsAlready(env, f)
	}
	if err := lab.Affords(1, 1, fewestHosts); err != nil {
		return 0, err
	}
	memory, err := unix.MemfdCreate("lablab-up", unix.MFD_CLOEXEC) // needs no writable directory
	if err != nil {
		return 0, &brokenError{err: say.Errorf("start in the background: %w", err)}
	}
	said := os.NewFile(uintptr(memory), "lablab-up")
	defer said.Close()
	process, err := background(f.again(), said)
	if err != nil {
		return 0, failure(ctx, lab.Explain(say.Errorf("start in the background: %w", err)))
	}
	ended := make(chan int, 1)
	go func() {
		state, _ := process.Wait()
		ended <- state.ExitCode()
	}()
	const step, patience = 10 * time.Millisecond, 30 * time.Second
	waiting, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for waiting.Err() == nil {
		if status, err := client.Status(waiting); err == nil {
			if sc, err := f.scenario(); err == nil {
				writeLeftOut(env, sc.LeftOut) // the process in the background wrote it to a file
			}
			if err := greet(env, f, status); err != nil {
				return 0, &brokenError{err, say.F("lab %s is up all the same; to take it down: lablab down --name %s", f.name, f.name)}
			}
			return exitHeld, nil
		}
		select {
		case code := <-ended:
			_, _ = io.Copy(env.Stderr, io.NewSectionReader(said, 0, math.MaxInt32)) // an error and a hint
			return code, nil
		case <-time.After(step):
		case <-waiting.Done():
		}
	}
	_ = process.Signal(syscall.SIGTERM)
	<-ended
	if ctx.Err() != nil {
		return 0, failure(ctx, context.Cause(ctx))
	}
	return 0, &brokenError{err: say.Errorf("lab %s did not respond within %s", f.name, patience)}
}

// background starts this program again in its own session, so that it survives the terminal.
func background(args []string, output *os.File) (*os.Process, error) {
	self, err := ns.Program()
	if err != nil {
		return nil, err
	}
	input, nothing, err := os.Pipe() // its end, where there may be no /dev/null
	if err != nil {
		return nil, err
	}
	defer input.Close()
	_ = nothing.Close()
	return os.StartProcess(self, append([]string{os.Args[0]}, args...), &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{input, output, output}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
}
