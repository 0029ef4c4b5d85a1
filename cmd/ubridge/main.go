// Command ubridge is the daemon and its command line in one binary.
//
// # Theory of operation
//
// The command line decides what is asked; `run` and `demo` are hooks that the
// daemon fills in. Called by the name brctl, by a link, it is that. Nothing else
// happens here.
//
// # Concurrency
//
// None of its own.
package main

import (
	"context"
	"os"
	"path/filepath"

	"ubridge/internal/cli"
)

func main() {
	if filepath.Base(os.Args[0]) == "brctl" {
		os.Exit(cli.Brctl(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(cli.Execute(context.Background(), hooks(), cli.Arguments(os.Args), os.Stdout, os.Stderr))
}
