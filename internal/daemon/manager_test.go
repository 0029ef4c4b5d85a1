package daemon

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"ubridge/dataplane"
)

// The watchdog is fed while the workers turn, starves while one hangs, and is fed
// again when that goes on.
func TestTheWatchdogIsFedByTheWorkers(t *testing.T) {
	w, err := dataplane.NewWorker(nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- w.Run(ctx) }()
	var fed atomic.Int64
	go func() { ended <- feed(ctx, 30*time.Millisecond, w, func() { fed.Add(1) }) }()
	awaitMore := func(when string) {
		t.Helper()
		for start, deadline := fed.Load(), time.Now().Add(20*time.Second); fed.Load() < start+3; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not fed", when)
			}
		}
	}
	awaitMore("at first")
	hangs, release := make(chan struct{}), make(chan struct{})
	w.Post(func(*dataplane.Worker) { close(hangs); <-release })
	<-hangs
	before := fed.Load()
	time.Sleep(300 * time.Millisecond)
	if n := fed.Load() - before; n > 1 { // one that was answered before
		t.Errorf("fed %d times while a worker hangs", n)
	}
	close(release)
	awaitMore("after the hang")
	stop()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
