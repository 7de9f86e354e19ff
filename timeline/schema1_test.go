package timeline

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"lablab/packet"
)

// records returns a schema 1 record of each scenario of the course, as the course was then.
func records(t *testing.T) map[string][]Event {
	t.Helper()
	files, err := filepath.Glob("testdata/schema1/*.jsonl.gz")
	if err != nil || len(files) < 16 {
		t.Fatalf("%d records of schema 1: %v", len(files), err)
	}
	all := map[string][]Event{}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		plain, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		if all[filepath.Base(file)], err = Read(plain); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return all
}

// Records of schema 1 still open and say as much as new ones.
func TestSchema1(t *testing.T) {
	for name, events := range records(t) {
		for _, e := range events {
			switch body := e.Body.(type) {
			case Judged:
				if body.Kind == "" || body.ID == "" || !body.Packet.Source.IsValid() || body.Kind == packet.ByGroup != (body.Number != 0) {
					t.Errorf("%s: event %d: %+v", name, e.Seq, body)
				}
			case RuleAuthorized:
				if body.Protocol == 0 || body.PeerText() == "" {
					t.Errorf("%s: event %d: %+v", name, e.Seq, body)
				}
			case CanaryDropped:
				if body.Packet.DestinationPort == 0 {
					t.Errorf("%s: event %d: %+v", name, e.Seq, body)
				}
			case ACLChanged:
				if body.ACL != nil && len(body.ACL.Ingress)+len(body.ACL.Egress) == 0 {
					t.Errorf("%s: event %d has no rules", name, e.Seq)
				}
			}
		}
		var again bytes.Buffer
		log := NewLog()
		for _, e := range events {
			log.Append(e.Body)
		}
		if err := Write(&again, log.Subscribe(t.Context())); err != nil {
			t.Fatal(err)
		}
		written, err := Read(&again)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, e := range written {
			if !reflect.DeepEqual(e.Body, events[i].Body) {
				t.Errorf("%s: event %d is %+v, was %+v", name, i+1, e.Body, events[i].Body)
			}
		}
	}
}

func TestSchema1Packets(t *testing.T) {
	for text, want := range map[string]string{
		"icmp 10.0.0.1 > 10.0.0.2 type 8 code 0 id 7 seq 9":     "icmp 10.0.0.1 > 10.0.0.2 echo request id 7 seq 9",
		"icmpv6 fd00::1 > fd00::2 type 1 code 4 id 0 seq 0":     "icmpv6 fd00::1 > fd00::2 type 1 code 4 id 0 seq 0",
		"tcp 10.0.0.1:40000 > 10.0.0.2:22 [S.] 0 bytes":         "tcp 10.0.0.1:40000 > 10.0.0.2:22 [S.] 0 bytes",
		"tcp [fd00::1]:40000 > [fd00::2]:22 [FP.] 32 bytes":     "tcp [fd00::1]:40000 > [fd00::2]:22 [FP.] 32 bytes",
		"udp 10.0.0.1:9 > 10.0.0.2:53":                          "udp 10.0.0.1:9 > 10.0.0.2:53",
		"132 10.0.0.1 > 10.0.0.2":                               "132 10.0.0.1 > 10.0.0.2",
		"icmp 10.0.0.1 > 10.0.0.2 type 99999 code 0 id 7 seq 9": `"icmp 10.0.0.1 > 10.0.0.2 type 99999 code 0 id 7 seq 9" is not a packet`,
		"tcp 10.0.0.1":                `"tcp 10.0.0.1" is not a packet`,
		"nothing 10.0.0.1 > 10.0.0.2": `"nothing" is not a protocol`,
	} {
		h, err := parsePacket(text)
		got := h.String()
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestSchema1Rules(t *testing.T) {
	for _, text := range []string{
		"all 0.0.0.0/0", "tcp 22 10.0.0.0/8", "tcp 1000-2000 fd00::/8", "udp pl-123", "icmp type 8 sg-1", "icmp type 3 code 4 web", "47 10.0.0.0/8",
	} {
		r, err := parseRule(text)
		if err != nil || r.String() != text {
			t.Errorf("%s: %s, %v", text, r, err)
		}
	}
	if _, err := parseRule("tcp"); err == nil || !strings.Contains(err.Error(), "not a rule") {
		t.Errorf("tcp: %v", err)
	}
}
