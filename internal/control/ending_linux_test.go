package control

import (
	"bufio"
	"encoding/json"
	"net/http"
	"testing"

	"lablab/render"
	"lablab/scenario"
)

// A client that asks for it gets the last lab's report after the last event. Other clients get only
// events.
func TestLastReport(t *testing.T) {
	s := serveLab(t)
	type line struct {
		Kind   string
		Report *render.Translated
	}
	watch := func(query string) <-chan []line {
		response, err := http.Get(s.public.URL + "/v1/events" + query)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		read := make(chan []line, 1)
		go func() {
			var all []line
			for lines := bufio.NewReader(response.Body); ; {
				text, err := lines.ReadBytes('\n')
				if err != nil {
					read <- all
					return
				}
				var l line
				if err := json.Unmarshal(text, &l); err != nil {
					t.Errorf("%s: %v", text, err)
				}
				all = append(all, l)
			}
		}()
		return read
	}
	asking, others := watch("?report"), watch("")
	swap, _ := scenario.Builtin("swap")
	if err := s.keeper.Load(swap); err != nil {
		t.Fatal(err)
	}
	if err := s.keeper.Close(); err != nil {
		t.Fatal(err)
	}
	lines := <-asking
	last := lines[len(lines)-1].Report
	if last == nil || last.Report.Scenario != "swap" || last.Words["ja"].Title == "" || lines[len(lines)-2].Kind != "ended" {
		t.Errorf("the last lines are %+v", lines[len(lines)-2:])
	}
	for _, l := range lines[:len(lines)-1] {
		if l.Report != nil {
			t.Error("a report before the end")
		}
	}
	if lines := <-others; lines[len(lines)-1].Kind != "ended" {
		t.Errorf("who did not ask for a report reads %+v", lines[len(lines)-1])
	}
}
