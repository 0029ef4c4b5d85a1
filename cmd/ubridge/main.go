// Command ubridge is the daemon and its command line in one binary.
//
// # Theory of operation
//
// The command line decides what is asked; `run` and `demo` are hooks that the
// daemon fills in. Nothing else happens here.
//
// # Concurrency
//
// None of its own.
package main

import (
	"context"
	"os"

	"ubridge/internal/cli"
)

func main() {
	os.Exit(cli.Execute(context.Background(), hooks(), os.Args[1:], os.Stdout, os.Stderr))
}
