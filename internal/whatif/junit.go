package whatif

import (
	"encoding/xml"
	"io"
	"slices"

	"lablab/fate"
	"lablab/say"
)

// A suite is a JUnit test suite: one case for each finding, which fails if its kind is one to fail on,
// and one for the proof.
type suite struct {
	XMLName  xml.Name   `xml:"testsuite"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Cases    []testCase `xml:"testcase"`
}

type testCase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Failure *failing `xml:"failure"`
	Output  string   `xml:"system-out,omitempty"`
}

type failing struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the report as JUnit XML. Findings of the given kinds are failures.
func (r *Report) JUnit(to io.Writer, failOn []string) error {
	s := suite{Name: "what-if " + say.Printable(r.File)}
	for _, kind := range []fate.Kind{fate.CutFound, fate.GapFound, fate.LostFound, fate.ReturnFound, fate.ApplyFound, fate.UnresolvedFound} {
		list := slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Kind != kind })
		if len(list) == 0 {
			s.add(testCase{Name: string(kind)})
		}
		for _, f := range list {
			text := say.Printable(f.said().String())
			c := testCase{Name: string(kind) + ": " + say.Printable(f.Text.String()), Output: text}
			if slices.Contains(failOn, string(kind)) {
				c.Output, c.Failure = "", &failing{text, say.Printable(f.CureText.String())}
			}
			s.add(c)
		}
	}
	if p := r.Proof; p != nil && p.Kernel != "" {
		c := testCase{Name: "proof"}
		for _, d := range p.Differences {
			c.Failure = &failing{Message: say.Printable(d.String())}
		}
		s.add(c)
	}
	if _, err := io.WriteString(to, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(to)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(to, "\n")
	return err
}

func (s *suite) add(c testCase) {
	c.Class = s.Name
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	s.Cases = append(s.Cases, c)
}
