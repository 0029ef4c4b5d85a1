package demo

import (
	"context"
	"errors"
	"io"
	"os"
)

// Options say how a tour is given.
type Options struct {
	// Keep leaves everything up at the end, to play in.
	Keep bool
	// Clean gives no tour, but removes what kept tours have left.
	Clean bool
	// Out is where the tour is told.
	Out io.Writer
	// Self is the path of this binary, which runs as daemon and server.
	Self string
	// TTY redraws the line of the running step; otherwise each line is final
	// and plain ASCII.
	TTY bool
	// Color uses ANSI colours; the caller has looked at NO_COLOR.
	Color bool
	// Version is shown at the start.
	Version string
}

// ErrFailed is wrapped by the error of a tour that did not work; what failed
// has been said on Options.Out.
var ErrFailed = errors.New("the demo did not work")

// Run gives a tour. It returns nil only if each step worked and, unless it is
// kept, nothing was left behind. It needs root.
func Run(ctx context.Context, o Options) error {
	if os.Getenv(roleVariable) == outsideRole {
		return serveOutside(ctx, o.Out)
	}
	if o.Clean {
		return clean(o.Out)
	}
	if err := checkNeeds(); err != nil {
		return err
	}
	before, err := rootLinks()
	if err != nil {
		return err
	}
	t := newTour(ctx, o)
	t.screen.intro(o.Version)
	if !t.take(steps) {
		t.abandon()
		return t.failure()
	}
	if o.Keep {
		t.handOver()
		return nil
	}
	if !t.take([]step{{"clean stop", t.stopInOrder}, {"nothing left", t.checkGone(before)}}) {
		t.abandon()
		return t.failure()
	}
	t.screen.outro(t.began)
	return nil
}
