package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"lablab/internal/cli"
)

// Each command has a page with the content of its help.
func TestPages(t *testing.T) {
	directory := t.TempDir()
	if err := write(directory, time.Now()); err != nil {
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

// The same commands and the same date make the same pages, wherever and whenever.
func TestPagesAreDeterministic(t *testing.T) {
	day, err := date("1700000000") // 14 November 2023
	if err != nil {
		t.Fatal(err)
	}
	pages := func() map[string]string {
		directory, all := t.TempDir(), map[string]string{}
		if err := write(directory, day); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(directory)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			page, err := os.ReadFile(filepath.Join(directory, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			all[f.Name()] = string(page)
		}
		return all
	}
	first := pages()
	if diff := cmp.Diff(first, pages()); diff != "" {
		t.Error(diff)
	}
	for name, page := range first {
		_, header, _ := strings.Cut(page, ".TH")
		if header, _, _ = strings.Cut(header, "\n"); !strings.Contains(header, `"Nov 2023"`) {
			t.Errorf("%s is dated %s", name, header)
		}
	}
}

func TestADateIsAskedFor(t *testing.T) {
	for _, epoch := range []string{"", "today", "1.5"} {
		if day, err := date(epoch); err == nil {
			t.Errorf("%q is taken for %v", epoch, day)
		}
	}
}
