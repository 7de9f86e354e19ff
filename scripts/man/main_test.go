package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"lablab/internal/cli"
)

// Each command has a page, which says what its help says.
func TestPages(t *testing.T) {
	directory := t.TempDir()
	if err := write(directory); err != nil {
		t.Fatal(err)
	}
	pages := 0
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		page, err := os.ReadFile(filepath.Join(directory, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"))
		if err != nil {
			t.Error(err)
			return
		}
		pages++
		for _, want := range []string{".TH", "SYNOPSIS", strings.Fields(c.Short)[0]} {
			if !strings.Contains(string(page), want) {
				t.Errorf("the page of %s has no %s", c.CommandPath(), want)
			}
		}
		for _, below := range c.Commands() {
			if below.IsAvailableCommand() {
				check(below)
			}
		}
	}
	check(cli.Commands())
	if pages < 20 {
		t.Errorf("only %d pages", pages)
	}
}
