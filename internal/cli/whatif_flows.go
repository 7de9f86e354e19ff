package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lablab/flow"
	"lablab/internal/control"
	"lablab/live"
	"lablab/say"
	"lablab/sg"
)

// flowFlags say where the connections that are up come from.
type flowFlags struct {
	files     []string
	logFormat string
	lab       string
}

// read reads all of them.
func (f flowFlags) read(env Env) ([]*live.Flows, error) {
	var all []*live.Flows
	for _, name := range f.files {
		flows, err := readFlows(env, name, f.logFormat)
		if err != nil {
			return nil, err
		}
		all = append(all, flows)
	}
	if f.lab == "" {
		return all, nil
	}
	ctx, cancel := env.interruptible()
	defer cancel()
	flows, err := labFlows(ctx, env, f.lab)
	if err != nil {
		return nil, refused(err)
	}
	return append(all, flows), nil
}

// readFlows reads a file of flows, or HOST=FILE if the file does not say where they were seen.
func readFlows(env Env, name, logFormat string) (*live.Flows, error) {
	o := live.Options{LogFormat: logFormat}
	if host, file, found := strings.Cut(name, "="); found && !strings.ContainsAny(host, `/\`) && host != "" && !exists(name) {
		o.Host, name = host, file
	}
	file := os.Stdin
	shown := "stdin"
	if name != stdin {
		var err error
		if file, err = os.Open(filepath.Clean(name)); err != nil {
			return nil, &usageError{say.Errorf("read flows: %w", err), toRead(name, err, say.F("choose a readable file"))}
		}
		defer file.Close()
		shown = name
	}
	p := newReading(env, file, shown)
	defer p.end()
	flows, err := live.Read(shown, p, o)
	var wrong *sg.FileError
	if err != nil && !errors.As(err, &wrong) {
		return nil, &usageError{err, say.F("see %s --help", "lablab what-if")}
	}
	return flows, err
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// labFlows returns the flows of a lab that runs.
func labFlows(ctx context.Context, env Env, name string) (*live.Flows, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	client := env.lab(name)
	defer client.Close()
	listed, err := client.Flows(ctx, "")
	if err != nil {
		return nil, err
	}
	flows := &live.Flows{File: name, Kind: live.Lab, All: []live.Flow{}}
	for _, f := range listed {
		flows.All = append(flows.All, liveOf(f))
	}
	return flows, nil
}

// liveOf returns an entry of a lab as a flow.
func liveOf(f control.Flow) live.Flow {
	return live.Flow{
		Key: f.Key, Host: f.Host, TCP: f.TCPState, Replied: slices.Contains(f.Status, flow.SeenReply), Untracked: f.Untracked,
		Packets: f.Packets + f.ReplyPackets, Bytes: f.Bytes + f.ReplyBytes, Left: time.Duration(f.TimeoutSeconds) * time.Second,
	}
}
