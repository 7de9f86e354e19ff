// Command man generates lablab's manual pages from the commands themselves.
//
//	SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) go run ./scripts/man DIRECTORY
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra/doc"

	"lablab/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: SOURCE_DATE_EPOCH=SECONDS go run ./scripts/man DIRECTORY")
		os.Exit(2)
	}
	date, err := date(os.Getenv("SOURCE_DATE_EPOCH"))
	if err == nil {
		err = write(os.Args[1], date)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// date returns the date of the pages. It is required, so that the same source makes the same pages
// on any day.
func date(epoch string) (time.Time, error) {
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read SOURCE_DATE_EPOCH: %q is not a number of seconds since 1970", epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// write writes a page for each command.
func write(directory string, date time.Time) error {
	root := cli.Commands()
	root.DisableAutoGenTag = true
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	header := &doc.GenManHeader{Section: "1", Source: "lablab", Manual: "lablab", Date: &date}
	return doc.GenManTree(root, header, directory)
}
