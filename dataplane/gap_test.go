package dataplane

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"runtime/trace"
	"slices"
	"testing"
	"time"

	exptrace "golang.org/x/exp/trace"

	"ubridge/internal/wire"
)

// BenchmarkGapDuringCollections is how long, in µs, Go's runtime kept a busy worker
// from running while a collection was on: the median and the longest. It is read from
// an execution trace, and so leaves out what the kernel's scheduler does to the
// worker's thread, but not what it does to the others that the runtime waits for.
func BenchmarkGapDuringCollections(b *testing.B) {
	w, in, _ := replays(b)
	in.add(wire.MAC{2, 0, 0, 0, 0, 9}, vm(1))
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var events bytes.Buffer
	if err := trace.Start(&events); err != nil {
		b.Fatal(err)
	}
	go garbage(ctx)
	runtime.LockOSThread()
	precede(true)
	defer precede(false)
	trace.Log(ctx, workerMark, "")
	for b.Loop() {
		w.process(w.ports[1], w.clock.Now())
	}
	trace.Stop()
	g := gaps{goroutine: exptrace.NoGoroutine}
	if err := g.read(&events); err != nil {
		b.Fatal(err)
	}
	slices.Sort(g.gaps)
	if n := len(g.gaps); n > 0 {
		b.ReportMetric(float64(g.gaps[n/2].Microseconds()), "µs-median")
		b.ReportMetric(float64(g.gaps[n-1].Microseconds()), "µs-longest")
	}
	b.ReportMetric(float64(g.collections), "collections")
}

// garbage allocates 1 MiB a hundred times a second, as a daemon does that lists a
// large table without pause.
func garbage(ctx context.Context) {
	keep := make([][]byte, 4096)
	for i := 0; ctx.Err() == nil; i++ {
		keep[i%len(keep)] = make([]byte, 2048)
		if i%512 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// workerMark is the category of the log entry by which a trace names the worker's
// goroutine.
const workerMark = "worker"

// gaps reads from a trace how long a goroutine was kept from running.
type gaps struct {
	goroutine   exptrace.GoID
	stopped     exptrace.Time   // when it stopped; 0: it runs
	overlapped  bool            // a collection was on since then
	collecting  int             // phases of a collection that are on
	collections int             // in all
	gaps        []time.Duration // that overlapped one
}

func (g *gaps) read(r io.Reader) error {
	events, err := exptrace.NewReader(r)
	if err != nil {
		return err
	}
	for {
		e, err := events.ReadEvent()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		g.event(e)
	}
}

func (g *gaps) event(e exptrace.Event) {
	switch e.Kind() {
	case exptrace.EventLog:
		if e.Log().Category == workerMark {
			g.goroutine = e.Goroutine()
		}
	case exptrace.EventRangeBegin:
		g.phase(e.Range().Name, 1)
	case exptrace.EventRangeEnd:
		g.phase(e.Range().Name, -1)
	case exptrace.EventStateTransition:
		if t := e.StateTransition(); t.Resource.Kind == exptrace.ResourceGoroutine && t.Resource.Goroutine() == g.goroutine {
			_, to := t.Goroutine()
			g.moved(to == exptrace.GoRunning, e.Time())
		}
	}
}

// phase notes that a phase of a collection began (1) or ended (-1): marking, or the
// world stopped for it.
func (g *gaps) phase(name string, by int) {
	switch name {
	case "GC concurrent mark phase":
		g.collections += max(by, 0)
	case "stop-the-world (GC mark termination)", "stop-the-world (GC sweep termination)":
	default:
		return
	}
	g.collecting += by
	g.overlapped = g.overlapped || g.collecting > 0
}

func (g *gaps) moved(running bool, now exptrace.Time) {
	switch {
	case !running && g.stopped == 0:
		g.stopped, g.overlapped = now, g.collecting > 0
	case running && g.stopped != 0:
		if g.overlapped {
			g.gaps = append(g.gaps, now.Sub(g.stopped))
		}
		g.stopped = 0
	}
}
