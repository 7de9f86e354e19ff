package lab

import "fmt"

// Unable says that this machine, as it is, cannot build a lab.
type Unable struct {
	Lacks string // what is missing, as a sentence
	Hint  string // the way out
	Err   error
}

func (e *Unable) Error() string { return e.Lacks }
func (e *Unable) Unwrap() error { return e.Err }

// NotProved says that the kernel was not seen to do what must be seen before
// anything else may be believed.
type NotProved struct{ What string }

func (e *NotProved) Error() string { return fmt.Sprintf("the filter does not filter: %s", e.What) }
