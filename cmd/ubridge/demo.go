package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/term"

	"ubridge/internal/api"
	"ubridge/internal/cli"
	"ubridge/internal/demo"
)

// tour is `ubridge demo`. Its children are this binary again.
func tour(ctx context.Context, o cli.DemoOptions) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	f, isFile := o.Out.(*os.File)
	if err := demo.Run(ctx, demo.Options{
		Keep: o.Keep, Clean: o.Clean, Out: o.Out, Self: self, Version: cli.Version(),
		TTY: isFile && term.IsTerminal(int(f.Fd())), Color: o.Colour,
	}); err != nil { // 1, whatever it wraps
		return api.Errorf(api.Failed, "%v", err)
	}
	return nil
}
