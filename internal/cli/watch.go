package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/charmbracelet/x/ansi"

	"lablab/internal/control"
	"lablab/internal/view"
	"lablab/render"
	"lablab/say"
)

// watchFlows lists the entries once per second until ctx ends, and marks changes. On a terminal it
// redraws in place; elsewhere it writes a block each time.
func watchFlows(ctx context.Context, env Env, lab *control.Client, host, format string) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	inPlace := format == "text" && render.IsTerminal(env.Stdout) && env.Getenv("TERM") != "dumb"
	var entries view.Entries
	drawn := 0
	for first := true; ; first = false {
		flows, err := lab.Flows(ctx, host)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !first && (errors.Is(err, control.ErrNone) || errors.Is(err, control.ErrDown)) {
			return nil // the lab has ended
		}
		if err != nil {
			return err
		}
		entries.Update(flows, time.Now())
		switch {
		case format == "json":
			err = writeJSON(env.Stdout, flows)
		case inPlace:
			width, height := render.Size(env.Stdout)
			frame, lines := inPlaceOf(env.Language, watched(env.Language, entries.All(), width), width, height, drawn)
			drawn = lines
			_, err = say.Signs(env.Stdout, env.Getenv).Write(frame)
		default:
			var block bytes.Buffer
			for _, l := range watched(env.Language, entries.All(), math.MaxInt) {
				fmt.Fprintln(&block, l)
			}
			block.WriteByte('\n')
			_, err = say.Signs(env.Stdout, env.Getenv).Write(block.Bytes())
		}
		if err != nil {
			return broken(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// watched formats the entries with their marks, one line each, within width if possible.
func watched(l *say.Language, entries []view.Entry, width int) []string {
	flows := make([]control.Flow, len(entries))
	for i, e := range entries {
		flows[i] = e.Flow
	}
	rows := flowLines(l, flows)
	const mark = 3 // columns, including one that stays free
	tooWide := func(row string) bool { return ansi.StringWidth(row)+mark > width }
	for _, state := range []bool{true, false} {
		if slices.ContainsFunc(rows, tooWide) {
			rows = narrowLines(l, flows, state)
		}
	}
	lines := []string{time.Now().Format(time.TimeOnly) + "  " + l.Sprintf("+ new  * refreshed  ! expiring  × gone")}
	for i, e := range entries {
		lines = append(lines, string(e.Mark)+" "+rows[i])
	}
	if len(entries) == 0 {
		lines = append(lines, l.Sprintf("  no entry"))
	}
	return lines
}

// inPlaceOf draws lines over those drawn before, in one write and without erasing first, to avoid
// flicker. It returns the new number of lines.
func inPlaceOf(l *say.Language, lines []string, width, height, drawn int) (frame []byte, now int) {
	if most := height - 2; len(lines) > most && most > 0 {
		lines = append(lines[:most:most], l.Sprintf("  and %d more", len(lines)-most))
	}
	frame = []byte("\r")
	if drawn > 0 {
		frame = fmt.Appendf(frame, "\x1b[%dA", min(drawn, height-1))
	}
	for _, line := range lines {
		frame = fmt.Appendf(frame, "%s\x1b[K\n", ansi.Truncate(line, width-1, "…"))
	}
	return append(frame, "\x1b[J"...), len(lines)
}
