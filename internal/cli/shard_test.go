package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Every scenario is in exactly one shard, whatever their number.
func TestShards(t *testing.T) {
	var names []string
	for i := range 23 {
		names = append(names, fmt.Sprintf("%02d", i))
		for of := 1; of < 30; of++ {
			var all []string
			for number := 1; number <= of; number++ {
				s, _, err := shardOf(fmt.Sprintf("%d/%d", number, of), nil)
				if err != nil {
					t.Fatal(err)
				}
				part := s.take(names)
				if len(part) > len(names)/of+1 {
					t.Errorf("%d of %d have %d", number, of, len(part))
				}
				all = append(all, part...)
			}
			slices.Sort(all)
			if !slices.Equal(all, names) {
				t.Errorf("%d parts: %v", of, all)
			}
		}
	}
	for _, wrong := range []string{"0/5", "6/5", "1", "/", "1/0", "-1/5", "a/b", "1/2/3", " 1/2"} {
		if _, _, err := shardOf(wrong, nil); err == nil {
			t.Errorf("%q is a shard", wrong)
		}
	}
	if s, _, err := shardOf("", nil); err != nil || !slices.Equal(s.take(names), names) {
		t.Error("no shard is not everything")
	}
}

// --shard auto takes the shard from the engine that runs lablab.
func TestShardOfAnEngine(t *testing.T) {
	for _, c := range []struct{ value, variables, want, engine string }{
		{"auto", "CI_NODE_INDEX=2 CI_NODE_TOTAL=5", "2/5", "GitLab"},
		{"auto", "CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=3", "1/3", "CircleCI"},
		{"auto", "BUILDKITE_PARALLEL_JOB=2 BUILDKITE_PARALLEL_JOB_COUNT=3", "3/3", "Buildkite"},
		{"auto", "TEST_SHARD_INDEX=1 TEST_TOTAL_SHARDS=2", "2/2", "Bazel"},
		{"auto", "TEST_SHARD_INDEX=1 TEST_TOTAL_SHARDS=2 CI_NODE_INDEX=1 CI_NODE_TOTAL=5", "2/2", "Bazel"},
		{"auto/20", "JOB_COMPLETION_INDEX=19", "20/20", "Kubernetes"},
		{"auto/5", "CI_NODE_INDEX=2 CI_NODE_TOTAL=5", "2/5", "GitLab"},
		{"auto", "JOB_COMPLETION_INDEX=19", "", ""},                     // of how many?
		{"auto/4", "CI_NODE_INDEX=2 CI_NODE_TOTAL=5", "", ""},           // which of the two?
		{"auto", "CI_NODE_TOTAL=1", "", ""},                             // a job that is not parallel
		{"auto", "CI_NODE_INDEX=6 CI_NODE_TOTAL=5", "", ""},             // no such shard
		{"auto", "CI_NODE_INDEX=0 CI_NODE_TOTAL=5", "", ""},             // GitLab counts from 1
		{"auto", "CIRCLE_NODE_INDEX=-1 CIRCLE_NODE_TOTAL=5", "", ""},    // nor this one
		{"auto", "CIRCLE_NODE_INDEX=first CIRCLE_NODE_TOTAL=5", "", ""}, // no number
		{"auto/x", "JOB_COMPLETION_INDEX=0", "", ""},                    // no number either
		{"2/5", "CI_NODE_INDEX=1 CI_NODE_TOTAL=5", "2/5", ""},           // not auto
		{"automatic", "CI_NODE_INDEX=1 CI_NODE_TOTAL=5", "", ""},        // misspelt
	} {
		variables := map[string]string{}
		for _, v := range strings.Fields(c.variables) {
			name, value, _ := strings.Cut(v, "=")
			variables[name] = value
		}
		s, e, err := shardOf(c.value, func(name string) string { return variables[name] })
		got := ""
		if err == nil {
			got = fmt.Sprintf("%d/%d", s.number, s.of)
		}
		if got != c.want || e.name != c.engine && err == nil {
			t.Errorf("--shard %s with %s: %q of %q, want %q of %q (%v)", c.value, c.variables, got, e.name, c.want, c.engine, err)
		}
	}
}
