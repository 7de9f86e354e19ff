// Command lablab shows how stateful firewalls behave, on the Linux kernel's own conntrack.
package main

import (
	"os"

	"lablab/internal/cli"
)

func main() { os.Exit(cli.Main(cli.System())) }
