package cli

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"lablab/say"
)

// A shard is part number of the scenarios, which are split into of parts. 0 of 0 is all of them.
type shard struct{ number, of int }

// An engine runs the same command on several machines, and tells each its index.
type engine struct {
	name         string
	index, total string // environment variables; total is empty if it has none
	first        int    // the lowest index
}

// engines returns those that are known. One that runs inside another comes before it.
func engines() []engine {
	return []engine{
		{"Bazel", "TEST_SHARD_INDEX", "TEST_TOTAL_SHARDS", 0},
		{"Buildkite", "BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0},
		{"CircleCI", "CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0},
		{"GitLab", "CI_NODE_INDEX", "CI_NODE_TOTAL", 1},
		{"Kubernetes", "JOB_COMPLETION_INDEX", "", 0},
	}
}

// shardOf parses --shard: K/N, auto, or auto/N where the engine does not say how many shards there
// are. It also returns the engine of auto.
func shardOf(value string, getenv func(string) string) (shard, engine, error) {
	if value == "" {
		return shard{}, engine{}, nil
	}
	number, of, _ := strings.Cut(value, "/")
	if number == "auto" {
		return shardHere(value, of, getenv)
	}
	s, err := parseShard(value, number, of)
	return s, engine{}, err
}

func parseShard(value, number, of string) (s shard, err error) {
	var errNumber, errOf error
	s.number, errNumber = strconv.Atoi(number)
	s.of, errOf = strconv.Atoi(of)
	if errNumber != nil || errOf != nil || s.number < 1 || s.number > s.of {
		return shard{}, &usageError{say.Errorf("--shard %q: want K/N with 1 ≤ K ≤ N", value), say.F("the first of five shards is 1/5, the last 5/5")}
	}
	return s, nil
}

// shardHere returns the shard that an engine gives this process.
func shardHere(value, of string, getenv func(string) string) (shard, engine, error) {
	list := engines()
	i := slices.IndexFunc(list, func(e engine) bool { return getenv(e.index) != "" })
	if i < 0 {
		var known []string
		for _, e := range list {
			known = append(known, fmt.Sprintf("%s (%s)", e.name, e.index))
		}
		return shard{}, engine{}, &usageError{say.Errorf("--shard %s: no engine has set its variables", value), say.F("name the shard: --shard 1/5; these are known: %s", strings.Join(known, ", "))}
	}
	e := list[i]
	total := getenv(e.total)
	switch {
	case total == "" && of == "":
		return shard{}, engine{}, &usageError{say.Errorf("--shard %s: %s has set %s, but not how many shards there are", value, e.name, e.index), say.F("add their number: --shard auto/5")}
	case total == "":
		total = of
	case of != "" && of != total:
		return shard{}, engine{}, &usageError{say.Errorf("--shard %s: %s has %s shards (%s)", value, e.name, total, e.total), say.F("drop the number: --shard auto")}
	}
	index, err := strconv.Atoi(getenv(e.index))
	if err != nil {
		index = e.first - 1 // out of range
	}
	s, err := parseShard(fmt.Sprintf("%s=%s, of %s", e.index, getenv(e.index), total), strconv.Itoa(index-e.first+1), total)
	return s, e, err
}

// take returns the shard's part of a sorted list: every of-th name.
func (s shard) take(names []string) []string {
	if s.of == 0 {
		return names
	}
	var mine []string
	for i := s.number - 1; i < len(names); i += s.of {
		mine = append(mine, names[i])
	}
	return mine
}

// sharded returns the flags with the shard that an engine gives this process, and says which it is.
// Bazel wants a sign that shards are supported, and a report for each.
func (f runFlags) sharded(env Env) (runFlags, error) {
	s, e, err := shardOf(f.shard, env.Getenv)
	if err != nil || e.name == "" {
		return f, err
	}
	f.shard = fmt.Sprintf("%d/%d", s.number, s.of)
	if !f.quiet {
		_, _ = fmt.Fprintln(env.Stderr, say.F("shard %s of %s (%s=%s)", f.shard, e.name, e.index, env.Getenv(e.index)).In(env.Language))
	}
	if e.name != "Bazel" {
		return f, nil
	}
	if name := env.Getenv("TEST_SHARD_STATUS_FILE"); name != "" {
		if err := os.WriteFile(name, nil, 0o644); err != nil { //nolint:gosec // Bazel reads it, perhaps as another user
			return f, &brokenError{say.Errorf("write status of shard: %w", err), say.F("nothing was run")}
		}
	}
	if name := env.Getenv("XML_OUTPUT_FILE"); name != "" {
		f.reports = append(slices.Clone(f.reports), "junit="+name)
	}
	return f, nil
}
