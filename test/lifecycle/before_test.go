package lifecycle

import (
	"strings"
	"testing"

	"ubridge/test/lab"
)

// A guest that asked for the gateway before its device was a port was answered by
// the host's own stack, with the device's MAC. As a port it is told the right one
// and reaches the gateway at once, not when its entry has aged.
func TestAGuestThatWasThereFirst(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifebefore")
	d := n.Start(lab.Options{})
	g := n.Guest("g")
	g.Run("ip", "addr", "add", "192.168.122.50/24", "dev", "eth0")
	n.Host.Run("ip", "link", "set", g.Port, "up")
	gateway := func() string { return g.Run("ip", "neigh", "show", "192.168.122.1") }
	_ = g.Reach("192.168.122.1")
	if !strings.Contains(gateway(), n.Host.MAC(g.Port)) {
		t.Fatalf("the host did not answer on %s, so this proves nothing: %s", g.Port, gateway())
	}
	d.Run("port", "add", "default", g.Port)
	if err := g.Reach("192.168.122.1"); err != nil {
		t.Errorf("the gateway is not reached: %v; the guest has %s", err, gateway())
	}
	if !strings.Contains(gateway(), n.Host.MAC("ubr0")) {
		t.Errorf("the guest still has %s, the gateway's MAC is %s", gateway(), n.Host.MAC("ubr0"))
	}
}
