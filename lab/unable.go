package lab

import "lablab/say"

// Unable says that this machine cannot build a lab in its current state.
type Unable struct {
	Lacks say.Sentence // what is missing, as a sentence
	Hint  say.Sentence // how to fix it
	Err   error
	// kernel is whether the kernel lacks something, or has not loaded it yet.
	kernel bool
}

func (e *Unable) Error() string { return e.Lacks.String() }

// In returns Error in a language.
func (e *Unable) In(l *say.Language) string { return e.Lacks.In(l) }

func (e *Unable) Unwrap() error { return e.Err }

// NotProved says that the kernel was not seen to do what must be seen before any other result can
// be trusted.
type NotProved struct{ What say.Sentence }

func (e *NotProved) Error() string { return e.In(nil) }

// In returns Error in a language.
func (e *NotProved) In(l *say.Language) string {
	return l.Sprintf("the self-check failed: %s", e.What)
}
