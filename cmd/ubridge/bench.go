package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/term"

	"ubridge/bench"
	"ubridge/internal/api"
	"ubridge/internal/cli"
)

// measure is `ubridge bench`. Its children are this binary again.
func measure(ctx context.Context, o cli.BenchOptions) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	f, isFile := o.Stderr.(*os.File)
	if err := bench.Run(ctx, bench.Options{
		Full: o.Full, Only: o.Only, Peers: o.Peers, Rounds: o.Rounds, Seconds: o.Seconds, List: o.List,
		JSON: o.JSON, Out: o.Out, Self: self, Version: cli.Version(), Stdout: o.Stdout, Stderr: o.Stderr,
		TTY: isFile && term.IsTerminal(int(f.Fd())),
	}); err != nil { // 1, whatever it wraps
		return api.Errorf(api.Failed, "%v", err)
	}
	return nil
}
