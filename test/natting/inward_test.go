package natting

import (
	"testing"
)

// TestNobodyIsRoutedIn: on a host that forwards, a neighbour that routes to the
// guests' network by the host does not reach a guest, while the host itself does,
// from each of its addresses.
func TestNobodyIsRoutedIn(t *testing.T) {
	b := newBed(t)
	b.host.Sysctl("net.ipv4.ip_forward", "1")
	b.host.Sysctl("net.ipv4.conf.all.rp_filter", "0")
	b.router.Route("192.168.122.0/24", "via", uplinkAddr)
	b.host.Run("ping", "-c1", "-W5", "192.168.122.11")
	b.host.Run("ping", "-c1", "-W5", "-I", uplinkAddr, "192.168.122.11")
	inside := b.guest.Capture("eth0", "icmp")
	b.drop("ubr0", "bad-source", func() { _, _ = b.router.Try("ping", "-c1", "-W1", "192.168.122.11") })
	if n := inside.Count(); n != 0 {
		t.Errorf("%d packets from outside reached the guest", n)
	}
}
