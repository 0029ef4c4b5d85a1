package lab

import (
	"strings"
	"testing"
	"time"
)

// TestScene holds the scene itself: what the suites take for granted.
func TestScene(t *testing.T) {
	n := New(t, "lab")
	d := n.Start(Options{})
	one := d.Join("one")
	d.Run("port", "add", "default", "vnet0")
	two := n.TapGuest("two", "vnet0")
	two.Lease()

	if err := one.Reach(two.Addr); err != nil {
		t.Errorf("veth to tap: %v", err)
	}
	if err := two.Reach(Gateway); err != nil {
		t.Errorf("tap to host: %v", err)
	}
	if err := Fetch(two.NS, 1<<20); err != nil {
		t.Errorf("tap to the server outside: %v", err)
	}
	seen, err := WhoAmI(one.NS)
	if err != nil || !strings.HasPrefix(seen, HostAddr+":") {
		t.Errorf("the server sees %s (%v), want %s", seen, err, HostAddr)
	}
	if len(d.Leases("default")) != 2 || len(d.Stations("default")) < 2 || len(d.Flows("default")) == 0 {
		t.Errorf("lists: leases %v, stations %v, flows %v", d.Leases("default"), d.Stations("default"), d.Flows("default"))
	}
	if answer := one.Run("dig", "+short", "@"+Gateway, ServerName); strings.TrimSpace(answer) != ServerAddr {
		t.Errorf("%s is %q, want %s", ServerName, answer, ServerAddr)
	}
	d.Crash()
	d = d.Again()
	d.AwaitPort("vnet0", "up")
	n.Eventually(10*time.Second, "traffic after a crash", func() error { return two.Reach(one.Addr) })
	d.Stop()
}

func TestFetchComparesContent(t *testing.T) {
	first, again := Digest(1000), Digest(1000)
	if first != again || first == Digest(1001) {
		t.Error("a digest must depend on the size, and on it alone")
	}
}
