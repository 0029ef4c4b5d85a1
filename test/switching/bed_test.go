package switching

import (
	"fmt"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// bed is a daemon with one network, default, 192.168.122.1/24 on ubr0.
type bed struct {
	*lab.Net
	d      *lab.Daemon
	t      *testing.T
	guests int
}

// newBed starts a daemon; extra is added to the network's definition.
func newBed(t *testing.T, extra string) *bed {
	t.Helper()
	testnet.Require(t, "iperf3", "ethtool")
	b := &bed{Net: lab.Quiet(t, "sw"), t: t}
	b.d = b.Start(lab.Options{Config: map[string]string{
		"networks.d/default.toml": "address = '192.168.122.1/24'\n" + extra,
	}})
	t.Cleanup(func() {
		if t.Failed() && b.d.Running() {
			t.Logf("ports: %+v", b.d.Ports())
		}
	})
	return b
}

// stations maps the addresses that were learned to their lines in `fdb`.
func (b *bed) stations() map[string]api.Station {
	b.t.Helper()
	learned := map[string]api.Station{}
	for _, s := range b.d.Stations("default") {
		if !s.Static {
			learned[s.MAC] = s
		}
	}
	return learned
}

// wantDrops waits until a port has dropped exactly n frames for a reason.
func (b *bed) wantDrops(port, reason string, n uint64) {
	b.t.Helper()
	b.Eventually(5*time.Second, fmt.Sprintf("count of %s at %s", reason, port), func() error {
		if got := b.d.Port(port).Drops[reason]; got != n {
			return fmt.Errorf("%d, want %d", got, n)
		}
		return nil
	})
}

// alive ends the test when the daemon has died, or when it no longer gives a
// guest an address and an answer.
func (b *bed) alive(g *guest) {
	b.t.Helper()
	if !b.d.Running() {
		b.t.Fatalf("the daemon has ended:\n%s", b.d.Output())
	}
	b.Eventually(20*time.Second, "a lease after all that", func() error {
		_, err := g.ns.Try("busybox", "udhcpc", "-f", "-q", "-n", "-t", "3", "-T", "1", "-i", "eth0", "-s", "/bin/true")
		return err
	})
	b.Eventually(20*time.Second, "an answer of the gateway", func() error {
		_, err := g.ns.Try("ping", "-c", "1", "-W", "1", lab.Gateway)
		return err
	})
}
