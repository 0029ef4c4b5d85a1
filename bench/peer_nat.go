package bench

import "ubridge/internal/testnet"

// uplink joins mid to b, which is the world outside.
func (b *bed) uplink() {
	b.lab.Veth(b.mid, "eth0", b.b, "eth0")
	b.mid.Addr("eth0", outsideMid+prefix)
	b.addressOf(b.b, macB, outsideB)
	b.mid.Route("default", "via", outsideB)
	b.target = outsideB
}

// inside joins a to mid, addressed as a guest is.
func (b *bed) inside() {
	b.vethA()
	b.addressOf(b.a, macA, insideA)
}

// routed is what both kernel translators have in common: a bridge for the
// guests, with the gateway's address, and forwarding.
func (b *bed) routed() {
	b.uplink()
	b.inside()
	b.mid.Bridge("br0", "pa")
	b.mid.Addr("br0", gateway+prefix)
	b.mid.Sysctl("net.ipv4.ip_forward", "1")
	b.a.Route("default", "via", gateway)
}

func nftNAT(b *bed) {
	b.routed()
	nft(b.mid, "add table ip nat")
	nft(b.mid, "add chain ip nat post { type nat hook postrouting priority srcnat; }")
	nft(b.mid, "add rule ip nat post ip saddr "+insideNet+" oifname eth0 masquerade")
}

func nft(n *testnet.NS, command string) { n.Run("nft", command) }

func iptablesNAT(b *bed) {
	b.routed()
	b.mid.Run("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", insideNet, "-o", "eth0", "-j", "MASQUERADE")
}
