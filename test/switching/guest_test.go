package switching

import (
	"fmt"
	"net"
	"os"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
)

// guest is a namespace behind a port, its device called eth0.
type guest struct {
	b    *bed
	ns   *testnet.NS
	port string // the device that ubridge is attached to
	mac  net.HardwareAddr
	ip4  string
	ip6  string
	wire *os.File // the port's tap, from QEMU's side; nil behind a veth
}

// plug says how a guest is plugged in.
type plug struct {
	tap bool // by a cable between taps instead of a veth pair
	off bool // without offloads
	mtu int  // of both ends; 0 leaves 1500
}

func (p plug) String() string {
	kind, offloads := "veth", "on"
	if p.tap {
		kind = "tap"
	}
	if p.off {
		offloads = "off"
	}
	return kind + "-" + offloads
}

// guest plugs a guest in, with addresses of its own: 192.168.122.2xx and
// fd00::2xx.
func (b *bed) guest(p plug) *guest {
	b.t.Helper()
	b.guests++
	n := 200 + b.guests
	g := &guest{
		b: b, ns: b.NS(fmt.Sprintf("g%d", b.guests)), port: fmt.Sprintf("port%d", b.guests),
		ip4: fmt.Sprintf("192.168.122.%d", n), ip6: fmt.Sprintf("fd00::%d", n),
	}
	if p.tap {
		b.d.Run("port", "add", "default", g.port)
		b.cable(g, !p.off)
	} else {
		b.Veth(b.Host, g.port, g.ns, "eth0")
		if p.off {
			g.ns.Offload("eth0", false)
			b.Host.Offload(g.port, false)
		}
	}
	if p.mtu != 0 {
		b.Host.MTU(g.port, p.mtu)
		g.ns.MTU("eth0", p.mtu)
	}
	if !p.tap {
		b.d.Run("port", "add", "default", g.port)
	}
	g.ns.Up("eth0")
	g.ns.Addr("eth0", g.ip4+"/24")
	g.ns.Addr("eth0", g.ip6+"/64")
	g.mac = mustMAC(g.ns.MAC("eth0"))
	b.d.AwaitPort(g.port, api.StateUp)
	return g
}

func mustMAC(s string) net.HardwareAddr {
	mac, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return mac
}
