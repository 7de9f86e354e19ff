package cli

import (
	"os"
	"path/filepath"

	"lablab/say"
)

// distinct refuses a command line that writes two things to one file, or to a file that it reads.
// Pipes and devices may be named more than once.
func distinct(written, read []string) error {
	for i, name := range written {
		for _, other := range written[:i] {
			if sameFile(name, other) {
				return &usageError{say.Errorf("two outputs have the same file: %s", name), say.F("choose another file for one of them")}
			}
		}
		for _, other := range read {
			if sameFile(name, other) {
				return &usageError{say.Errorf("the output would replace a file that is read: %s", name), say.F("choose another file for the output")}
			}
		}
	}
	return nil
}

// sameFile reports whether two names are those of one regular file, which need not exist yet.
func sameFile(a, b string) bool {
	aboutA, errA := describe(a)
	aboutB, errB := describe(b)
	if errA == nil && errB == nil {
		return aboutA.Mode().IsRegular() && os.SameFile(aboutA, aboutB)
	}
	absA, _ := filepath.Abs(a)
	absB, _ := filepath.Abs(b)
	return os.IsNotExist(errA) && os.IsNotExist(errB) && absA == absB
}

// describe returns what is known of a file, or standard input.
func describe(name string) (os.FileInfo, error) {
	if name == stdin {
		return os.Stdin.Stat()
	}
	return os.Stat(name)
}
