// Command lablab is a laboratory for stateful firewalls.
package main

import (
	"os"

	"lablab/internal/cli"
)

func main() { os.Exit(cli.Main(cli.System())) }
