package bench

import "ubridge/internal/testnet"

// hostAddr is mid's own address on the LAN in the scenario "lan", where a is a
// guest, mid the host and b the LAN.
const hostAddr = "192.168.122.2"

var lan = scenario{
	name: "lan", title: "Guests on the LAN of a NIC",
	note:    "iperf3, one stream; a guest, the host in the middle with its NIC, and the LAN; > is to the right, < to the left",
	kind:    switching,
	peers:   lanPeers,
	metrics: bulkMetrics,
	seconds: func(p plan) float64 { return float64(2*len(lanWays)) * (float64(p.whole()) + 0.3) },
	run:     runLAN,
}

// lanPeers are the ways to put guests on a LAN; the last one is the NIC without
// any, which is what the host's own traffic is compared with.
var lanPeers = []*peer{
	{name: "br0", note: "the kernel's bridge, to which the host's address has moved", quick: true, build: kernelLAN},
	{name: "br0-again", note: "the same once more: the noise of this run", quick: true, build: kernelLAN},
	{name: "ubridge", note: "the daemon's mode bridge, the host's address stays on the NIC", quick: true, ours: true, build: ubridgeLAN},
	{name: "ubridge-kernel", note: "the same, what is known forwarded by the kernel (fastpath = \"kernel\")", quick: true, ours: true, build: ubridgeKernelLAN},
	{name: withoutGuests, note: "the NIC as it is", quick: true, build: noLAN},
}

const withoutGuests = "no-guests"

// lanWays are who talks to whom.
var lanWays = []struct {
	left, right string
	guest       bool // takes part
	ends        func(b *bed) (client, server *testnet.NS, addr string)
}{
	{"guest", "host", true, func(b *bed) (client, server *testnet.NS, addr string) { return b.a, b.mid, hostAddr }},
	{"guest", "LAN", true, func(b *bed) (client, server *testnet.NS, addr string) { return b.a, b.b, insideB }},
	{"host", "LAN", false, func(b *bed) (client, server *testnet.NS, addr string) { return b.mid, b.b, insideB }},
}

func runLAN(b *bed) {
	for _, way := range lanWays {
		if way.guest && b.peer.name == withoutGuests {
			continue
		}
		client, server, addr := way.ends(b)
		for _, s := range []shape{{1, false}, {1, true}} {
			sign := s.String()[2:]
			b.putBulkBetween(client, server, addr, s, way.left+" "+sign+" "+way.right)
		}
	}
}

func kernelLAN(b *bed) {
	b.veths()
	b.mid.Bridge("br0", "pa", "pb")
	b.mid.Addr("br0", hostAddr+prefix)
}

func ubridgeLAN(b *bed) {
	b.veths()
	b.mid.Addr("pb", hostAddr+prefix)
	b.runDaemon()
	b.ubridge("net", "stop", "default") // it has the same subnet
	b.ubridge("net", "create", "lan", "--mode", "bridge", "--uplink", "pb")
	b.ubridge("port", "add", "lan", "pa")
}

// ubridgeKernelLAN is ubridgeLAN with the kernel's fast path.
func ubridgeKernelLAN(b *bed) { b.byKernelOn("lan", ubridgeLAN, 3) }

// noLAN has the guest on a wire of its own, where it reaches the host.
func noLAN(b *bed) {
	b.veths()
	b.mid.Addr("pb", hostAddr+prefix)
	b.mid.Addr("pa", gateway+"/32")
	b.mid.Route(insideA, "dev", "pa")
	b.a.Route(gateway, "dev", "eth0")
	b.target = gateway
}
