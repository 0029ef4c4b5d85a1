package bench

import (
	"path/filepath"
	"time"

	"ubridge/internal/testnet"
)

var vdePrograms = []program{{"vde_switch", "vde2"}, {"vde_plug2tap", "vde2"}}

// vde is three processes: the switch and, for each endpoint, one that moves
// frames between it and a tap.
func vde(b *bed) {
	dir := filepath.Join(b.lab.Dir(), "vde")
	// Without a terminal the switch ends with its input, so it is a daemon's.
	b.start(b.mid, "sh", "-c", "sleep infinity | exec vde_switch -s "+dir)
	b.lab.Eventually(10*time.Second, "vde_switch listens", func() error {
		return exists(filepath.Join(dir, "ctl"))
	})
	for _, n := range []*testnet.NS{b.a, b.b} {
		b.start(n, "vde_plug2tap", "-s", dir, "eth0")
		b.appears(n, "eth0")
	}
	b.address()
}

// appears waits for a device that a process makes.
func (b *bed) appears(n *testnet.NS, dev string) {
	b.lab.Eventually(10*time.Second, dev+" appears", func() error {
		_, err := n.Try("ip", "link", "show", "dev", dev)
		return err
	})
}
