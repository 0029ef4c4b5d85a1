package nexthop

import (
	"net/netip"
	"strings"
	"testing"
)

// TestKnown answers from the tables alone: what would have to be asked of the
// link is not known, and leaves no trace in the host's neighbour table.
func TestKnown(t *testing.T) {
	b := newBed(t, Options{})
	b.follow(t)
	b.host.Run("ip neigh replace 10.1.0.254 lladdr " + gatewayMAC + " dev v0 nud stale")
	for dst, want := range map[string]struct {
		known bool
		kind  Kind
		mac   [6]byte
	}{
		"192.0.2.1": {true, Forward, mac(gatewayMAC)},
		"10.1.0.99": {false, Forward, [6]byte{}},
		"10.3.0.9":  {true, Forward, [6]byte{}}, // no Ethernet there
		"10.1.0.1":  {true, Local, [6]byte{}},
		"10.30.0.1": {true, Prohibited, [6]byte{}},
	} {
		hop, known, err := b.Known(netip.MustParseAddr(dst))
		if err != nil || known != want.known || hop.Kind != want.kind || hop.MAC != want.mac {
			t.Errorf("%s: %+v, known %v, %v; want %+v", dst, hop, known, err, want)
		}
	}
	if table := b.host.Run("ip neigh show dev v0"); strings.Contains(table, "10.1.0.99") {
		t.Errorf("the kernel was asked: %s", table)
	}
	if table := b.host.Run("ip neigh show dev v0"); strings.Contains(table, "STALE") {
		t.Errorf("the gateway in use is not confirmed: %s", table)
	}
}
