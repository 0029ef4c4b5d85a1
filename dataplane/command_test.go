package dataplane

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// A caller who gave up has its variables to itself: what it wanted done is not
// done behind its back.
func TestWhatNobodyWaitsForIsNotRun(t *testing.T) {
	w := idle(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ran := false
	if err := w.Do(ctx, func(*Worker) { ran = true }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	w.commands.run(w)
	if ran {
		t.Error("it was run after its caller had gone on")
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
}

// A function that was queued just before the worker stopped holds nobody up.
func TestStoppingAnswersThoseWhoWait(t *testing.T) {
	w := idle(t)
	got := make(chan error, 1)
	go func() { got <- w.Do(context.Background(), func(*Worker) { t.Error("run on a stopped worker") }) }()
	for !w.commands.waiting.Load() {
		time.Sleep(time.Millisecond)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-got:
		if !errors.Is(err, ErrStopped) {
			t.Errorf("error %v, want ErrStopped", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the caller waits for ever")
	}
	if w.Post(func(*Worker) {}) {
		t.Error("a stopped worker takes functions")
	}
}

// Once the queue is empty the eventfd is quiet, or the worker would not sleep.
func TestNoWakeupIsLeftBehind(t *testing.T) {
	w := idle(t)
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for range 20000 {
				w.Post(func(*Worker) {})
			}
		})
	}
	sent := make(chan struct{})
	go func() { senders.Wait(); close(sent) }()
	for busy := true; busy; {
		select {
		case <-sent:
			busy = false
		default:
		}
		w.commands.run(w)
		if !w.commands.waiting.Load() && w.awake() && !w.commands.waiting.Load() {
			t.Fatal("nothing is queued and the worker is kept awake")
		}
	}
	w.commands.run(w)
	if w.awake() {
		t.Error("nothing is queued and the worker is kept awake")
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
}

// awake reports whether the worker's sleep would end at once.
func (w *Worker) awake() bool {
	w.poll.fds[0].Revents = 0
	w.wait(0)
	return w.poll.fds[0].Revents != 0
}

// idle is a worker that no goroutine runs.
func idle(t *testing.T) *Worker {
	t.Helper()
	w, err := NewWorker(nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
