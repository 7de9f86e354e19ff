//go:build !linux

package cli

import "os"

// openOwned creates a file, or empties an old one.
func openOwned(_ Env, name string) (*os.File, error) { return os.Create(name) }
