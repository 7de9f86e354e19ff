package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lablab/ns"
	"lablab/say"
)

// A start is how this program was started, where, by which user, and what that user is denied: what a
// hint needs to say how to run it with more privileges.
type start struct {
	args     []string // with the program's name as typed
	program  string   // file
	root     bool
	rootless bool // in a user namespace of its own
	powerful bool // has the capabilities to do without a user namespace
	sudo     bool // sudo(8) is installed
	bySudo   bool // sudo(8) started this program
	place    place
	ns.Confinement
}

func started() start {
	s := start{
		args: os.Args, root: ns.Owner() == 0, rootless: ns.IsRootless(), powerful: ns.Powerful() && !ns.IsRootless(), bySudo: os.Getenv("SUDO_UID") != "",
		place: here(), Confinement: ns.Confined(),
	}
	if len(s.args) == 0 {
		s.args = []string{"lablab"}
	}
	s.program, _ = os.Executable()
	_, err := LookUp("sudo", os.Getenv("PATH"))
	s.sudo = err == nil
	return s
}

// Command returns the command line for another of this program's commands, in the way that the user
// started this one.
func Command(verb string) string {
	s := started()
	command := s.name() + " " + verb
	if s.bySudo && s.sudo {
		return "sudo " + command
	}
	return command
}

// name returns the program's name as it was typed.
func (s start) name() string {
	if s.byGoRun() {
		return "go run ."
	}
	return s.args[0]
}

// byGoRun reports whether go run built the program, into a temporary directory.
func (s start) byGoRun() bool {
	return strings.Contains(s.program, string(filepath.Separator)+"go-build") && filepath.Base(filepath.Dir(s.program)) == "exe"
}

// line returns the command line, or the command alone if the line is long.
func (s start) line() string {
	const most = 40
	if len(s.args) < 2 {
		return "run"
	}
	line := strings.Join(s.args[1:], " ")
	quoted := slices.ContainsFunc(s.args, func(a string) bool { return a == "" || strings.ContainsAny(a, "\"'`$&;|<>()*?[]#~\\{} \n\t") })
	if len(line) > most || quoted {
		return s.args[1]
	}
	return line
}

// becomeRoot returns a hint on how to run the program as root.
func (s start) becomeRoot() say.Sentence {
	switch {
	case s.NoNewPrivs:
		return say.F("run it as root, from another session: no_new_privs is set here, so sudo has no effect")
	case !s.sudo:
		return say.F("run it as root")
	case s.byGoRun():
		return say.F("build it and run it as root: go build . && sudo ./lablab %s", s.line())
	case strings.ContainsRune(s.args[0], filepath.Separator):
		return say.F("run it as root: sudo %s %s", s.args[0], s.line())
	case slices.Contains(secure, filepath.Dir(s.program)):
		return say.F("run it as root: sudo lablab %s", s.line())
	}
	return say.F("run it as root: sudo %s %s", s.program, s.line())
}

// secure lists the directories in which sudo(8) looks for programs on Debian and Fedora
// (secure_path in sudoers(5)).
var secure = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
