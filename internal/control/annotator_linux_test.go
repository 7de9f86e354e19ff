package control

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"lablab/lab"
)

// A capture marks where packets are missing, and how many.
func TestCaptureConfesses(t *testing.T) {
	answer := httptest.NewRecorder()
	a := &annotator{host: "A", flush: http.NewResponseController(answer).Flush}
	if err := a.open(answer); err != nil {
		t.Fatal(err)
	}
	a.packet(lab.Frame{At: time.Unix(1, 0), Bytes: make([]byte, 60), Length: 60})
	a.packet(lab.Frame{At: time.Unix(2, 0), Bytes: make([]byte, 60), Length: 60, Lost: 7})
	a.lost(2)
	if err := a.write(time.Now()); err != nil {
		t.Fatal(err)
	}
	file, err := pcapgo.NewNgReader(bytes.NewReader(answer.Body.Bytes()), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		data, _, options, err := file.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 0 {
			got = append(got, "a packet")
		}
		got = append(got, options.Comments...)
	}
	want := []string{
		"a packet", "7 packets are missing here: they arrived faster than they were written",
		"a packet", "2 packets are missing here: they arrived faster than they were written",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
