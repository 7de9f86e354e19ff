package scenario

import (
	"embed"
	"fmt"
	"strings"
)

// The course: scenarios that are built in, in the order of the file course/order.
//
//go:embed course
var course embed.FS

// Builtins returns the names of the built-in scenarios, in the order of the course.
func Builtins() []string {
	text, err := course.ReadFile("course/order")
	if err != nil {
		panic(err)
	}
	return strings.Fields(string(text))
}

// BuiltinText returns the file of a built-in scenario.
func BuiltinText(name string) (text []byte, found bool) {
	for _, known := range Builtins() {
		if known == name {
			text, err := course.ReadFile("course/" + name + ".yaml")
			return text, err == nil
		}
	}
	return nil, false
}

// Builtin returns a built-in scenario.
func Builtin(name string) (sc *Scenario, found bool) {
	text, found := BuiltinText(name)
	if !found {
		return nil, false
	}
	sc, err := Read(name+".yaml", text, nil)
	if err != nil {
		panic(fmt.Sprintf("the built-in scenario %s cannot be read:\n%v", name, err))
	}
	sc.File = ""
	return sc, true
}

// FourExperiments returns the scenario that lablab was written for: two hosts in one security
// group, a ping that keeps running, and the ICMP rule revoked and authorized again.
func FourExperiments() *Scenario {
	sc, _ := Builtin("ping")
	return sc
}
