package cli

import (
	"context"
	"errors"
	"io/fs"
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
	var r live.Reader
	for _, name := range f.files {
		if err := readFlows(env, &r, name, f.logFormat); err != nil {
			return nil, err
		}
	}
	all, err := r.Flows()
	if err != nil || f.lab == "" {
		return all, err
	}
	ctx, cancel := env.interruptible()
	defer cancel()
	flows, err := labFlows(ctx, env, f.lab)
	if err != nil {
		return nil, refused(err)
	}
	return append(all, flows), nil
}

// readFlows reads a file of flows or all files of a directory, or HOST=FILE if the file does not say
// where they were seen.
func readFlows(env Env, r *live.Reader, name, logFormat string) error {
	o := live.Options{LogFormat: logFormat}
	if host, file, found := strings.Cut(name, "="); found && !strings.ContainsAny(host, `/\`) && host != "" && !exists(name) {
		o.Host, name = host, file
	}
	if about, err := os.Stat(name); err != nil || !about.IsDir() {
		return readFlowFile(env, r, name, o)
	}
	return filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return unreadableFlows(path, err)
		case entry.IsDir():
			return nil
		}
		return readFlowFile(env, r, path, o)
	})
}

func unreadableFlows(name string, err error) error {
	return &usageError{say.Errorf("read flows: %w", err), toRead(name, err, say.F("choose a readable file"))}
}

// readFlowFile reads one file of flows.
func readFlowFile(env Env, r *live.Reader, name string, o live.Options) error {
	file, shown := os.Stdin, "stdin"
	if name != stdin {
		var err error
		if file, err = os.Open(name); err != nil {
			return unreadableFlows(name, err)
		}
		defer file.Close()
		shown = name
	}
	p := newReading(env, file, shown)
	defer p.end()
	err := r.Read(shown, p, o)
	var wrong *sg.FileError
	if err != nil && !errors.As(err, &wrong) {
		return &usageError{err, say.F("see %s --help", "lablab what-if")}
	}
	return err
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
