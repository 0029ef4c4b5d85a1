package links_test

import (
	"context"
	"testing"
	"time"

	"ubridge/internal/hostnet/internal/nstest"
	"ubridge/internal/hostnet/links"
)

// watch starts a Watch in ns and returns what its callback signals.
func watch(t *testing.T, ns *nstest.NS) <-chan struct{} {
	t.Helper()
	var w *links.Watch
	ns.Must(func() (err error) {
		w, err = links.Open()
		return err
	})
	ctx, cancel := context.WithCancel(t.Context())
	changed, done := make(chan struct{}, 100), make(chan error, 1)
	go func() { done <- w.Run(ctx, func() { changed <- struct{}{} }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return changed
}

func TestAChangeIsToldOnceAndSoon(t *testing.T) {
	ns := nstest.New(t)
	changed := watch(t, ns)
	for _, cmd := range []string{
		"ip link add va type veth peer name vb", "ip link set va up", "ip link set vb up", "ip link set va mtu 1400", "ip link del va",
	} {
		ns.Run(cmd)
		select {
		case <-changed:
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: not told", cmd)
		}
	}
}

func TestManyChangesTogetherAreFewCallbacks(t *testing.T) {
	ns := nstest.New(t)
	changed := watch(t, ns)
	for range 50 {
		ns.Run("ip link add va type veth peer name vb\nip link del va")
	}
	<-changed
	for quiet := false; !quiet; {
		select {
		case <-changed:
		case <-time.After(200 * time.Millisecond):
			quiet = true
		}
	}
	if n := len(changed); n != 0 {
		t.Errorf("%d callbacks after the last change", n)
	}
}
