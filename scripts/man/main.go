// Command man writes lablab's manual pages, made from the commands themselves.
// Usage: go run ./scripts/man DIRECTORY
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra/doc"

	"lablab/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./scripts/man DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// write writes a page for each command. They are the same whenever they are made.
func write(directory string) error {
	root := cli.Commands()
	root.DisableAutoGenTag = true
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	header := &doc.GenManHeader{Section: "1", Source: "lablab", Manual: "lablab"}
	return doc.GenManTree(root, header, directory)
}
