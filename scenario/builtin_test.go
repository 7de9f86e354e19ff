package scenario

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"lablab/sg"
)

// Every file of the course is listed in the order and named after its scenario.
func TestCourse(t *testing.T) {
	files, err := fs.Glob(course, "course/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(f, "course/"), ".yaml"))
	}
	slices.Sort(names)
	ordered := slices.Sorted(slices.Values(Builtins()))
	if !slices.Equal(names, ordered) {
		t.Errorf("the course has %v, its order %v", names, ordered)
	}
	for _, name := range Builtins() {
		sc, found := Builtin(name)
		if !found || sc.Name != name || sc.Question == "" {
			t.Errorf("%s is called %q and asks %q", name, sc.Name, sc.Question)
		}
	}
	if _, found := Builtin("../ping"); found {
		t.Error("found what is not built in")
	}
}

// The figures are those of the original experiment, which the README describes.
func TestFourExperiments(t *testing.T) {
	sc := FourExperiments()
	var packets []int
	for _, e := range sc.Experiments {
		packets = append(packets, e.For)
	}
	if !slices.Equal(packets, []int{10, 9, 19, 27}) {
		t.Errorf("packets: %v", packets)
	}
	if a := sc.Experiments[3].Do[0].(Change).Change.(sg.Authorize); a.Group != "lab" || a.Direction != "ingress" || a.Rules[0] != sc.Account.Groups[0].Ingress[1] {
		t.Errorf("authorized: %v", a)
	}
	if g := sc.Account.Groups[0]; g.ID != "lab" || g.Name != "lab" {
		t.Errorf("group %s %s", g.ID, g.Name)
	}
}
