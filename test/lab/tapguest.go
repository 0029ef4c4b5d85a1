package lab

import (
	"github.com/songgao/water"

	"ubridge/internal/testnet"
)

// TapGuest makes a namespace behind a tap that exists in the host (the daemon
// has made it): what a process that holds the tap's descriptor writes to it
// comes from a tap in the guest's namespace, and the other way round. Neither
// tap has any offload, so every frame is whole and at most one MTU long; packets
// of QEMU's offloads come from real guests only.
func (n *Net) TapGuest(name, tap string) *Guest {
	n.T.Helper()
	g := &Guest{NS: n.NS(name), Host: name, Port: tap, net: n}
	outer, inner := n.OpenTap(n.Host, tap), n.OpenTap(g.NS, "eth0")
	g.NS.Up("eth0")
	go relay(outer, inner)
	go relay(inner, outer)
	return g
}

// OpenTap opens a tap in a namespace as QEMU does, making it if need be. It is
// closed when the test ends.
func (n *Net) OpenTap(at *testnet.NS, name string) *water.Interface {
	n.T.Helper()
	config := water.Config{DeviceType: water.TAP}
	config.Name, config.Persist = name, true // as QEMU leaves it: not to persist would take the device away
	var tap *water.Interface
	err := at.Do(func() (err error) {
		tap, err = water.New(config)
		return err
	})
	if err != nil {
		n.T.Fatalf("open tap %s: %v", name, err)
	}
	n.T.Cleanup(func() { _ = tap.Close() })
	return tap
}

// relay copies frames until one side is closed.
func relay(from, to *water.Interface) {
	frame := make([]byte, 1<<16)
	for {
		n, err := from.Read(frame)
		if err != nil {
			return
		}
		if _, err := to.Write(frame[:n]); err != nil {
			continue // the other side is down: the frame is lost, as on a wire
		}
	}
}
