package links

import (
	"context"
	"os"
	"testing"
	"time"

	"ubridge/internal/hostnet/internal/nstest"
)

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// A subscription that broke is ended: each overrun would leave a socket else.
func TestRenewingLeavesNoSocketBehind(t *testing.T) {
	ns := nstest.New(t)
	var w *Watch
	ns.Must(func() (err error) {
		w, err = Open()
		return err
	})
	before := descriptors(t)
	for range 20 {
		ns.Must(func() error { w.renew(t.Context()); return nil })
	}
	for deadline := time.Now().Add(5 * time.Second); descriptors(t) > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors, %d before", descriptors(t), before)
		}
	}
	ns.Run("ip link add va type veth peer name vb")
	select {
	case <-w.updates:
	case <-time.After(5 * time.Second):
		t.Error("the new subscription is deaf")
	}
	w.close()
}

// One that could not be renewed before the end leaves nothing to wait for.
func TestClosingWithoutASubscription(t *testing.T) {
	var w *Watch
	nstest.New(t).Must(func() (err error) {
		w, err = Open()
		return err
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.renew(ctx)
	done := make(chan struct{})
	go func() { w.close(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("close waits for ever")
	}
}
