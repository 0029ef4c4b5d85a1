package bench

import "ubridge/internal/testnet"

// direct joins the endpoints by one veth, with nothing between.
func direct(b *bed) {
	b.lab.Veth(b.a, "eth0", b.b, "eth0")
	b.address()
}

// kernelBridge is the reference.
func kernelBridge(b *bed) {
	b.veths()
	b.mid.Bridge("br0", "pa", "pb")
}

// kernelBridgeNoOffloads shows what the offloads are worth: every segment is a
// frame of its own, with its checksum in it.
func kernelBridgeNoOffloads(b *bed) {
	kernelBridge(b)
	for _, at := range []struct {
		n   *testnet.NS
		dev string
	}{{b.a, "eth0"}, {b.b, "eth0"}, {b.mid, "pa"}, {b.mid, "pb"}} {
		at.n.Offload(at.dev, false)
	}
}
