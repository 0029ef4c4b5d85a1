package natting

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ubridge/internal/api"
	"ubridge/internal/wire"
)

// TestScope sends what must not be translated, by the gateway's MAC, and looks
// under which name it is dropped; nothing of it leaves.
func TestScope(t *testing.T) {
	b := newBed(t)
	capture := b.router.Capture("eth0", "udp")
	raw, mac := b.openRaw(b.guest), b.gatewayMAC()
	for _, tc := range []struct{ name, from, to, reason string }{
		{"foreign source", "203.0.113.9", serverAddr, "bad-source"},
		{"neighbour's network", "192.168.123.11", serverAddr, "bad-source"},
		{"gateway's address", gateway, serverAddr, "bad-source"},
		{"host's address", uplinkAddr, serverAddr, "bad-source"},
		{"network address", "192.168.122.0", serverAddr, "bad-source"},
		{"broadcast source", "192.168.122.255", serverAddr, "bad-source"},
		{"zero source", "0.0.0.0", serverAddr, "bad-source"},
		{"loopback source", "127.0.0.1", serverAddr, "bad-source"},
		{"all hosts", "192.168.122.11", "224.0.0.1", "local-scope"},
		{"mdns", "192.168.122.11", "224.0.0.251", "local-scope"},
		{"routed group", "192.168.122.11", "239.1.2.3", "local-scope"},
		{"limited broadcast", "192.168.122.11", "255.255.255.255", "local-scope"},
		{"directed broadcast", "192.168.122.11", "192.168.122.255", "local-scope"},
		{"uplink's broadcast", "192.168.122.11", "10.9.0.255", "local-scope"},
		{"link-local", "192.168.122.11", "169.254.169.254", "local-scope"},
		{"loopback", "192.168.122.11", "127.0.0.1", "local-scope"},
		{"this network", "192.168.122.11", "0.0.0.0", "local-scope"},
		{"reserved", "192.168.122.11", "240.0.0.1", "local-scope"},
		{"own subnet", "192.168.122.11", "192.168.122.12", "own-subnet"},
	} {
		b.run(tc.name, func(b *bed) {
			b.drop("vg1", tc.reason, func() { raw.send(mac, datagram(tc.from+":4000", tc.to+":4001", []byte("out?"))) })
		})
	}
	b.run("other protocol", func(b *bed) {
		p := datagram("192.168.122.11:1", serverAddr+":1", []byte("sctp, say"))
		p[9] = 132
		p = remade(p)
		b.drop("vg1", "unsupported-proto", func() { raw.send(mac, p) })
	})
	b.run("wrong header checksum", func(b *bed) {
		p := datagram("192.168.122.11:1", serverAddr+":1", nil)
		p[10]++
		b.drop("vg1", "bad-ip", func() { raw.send(mac, p) })
	})
	b.run("source route", func(b *bed) {
		p := datagram("192.168.122.11:1", serverAddr+":1", nil)
		p = slices.Concat(p[:20], []byte{1, 131, 7, 4, 10, 9, 0, 77}, p[20:])
		p[0] = 0x47
		binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
		b.drop("vg1", "source-route", func() { raw.send(mac, remade(p)) })
	})
	b.run("last hop", func(b *bed) {
		p := datagram("192.168.122.11:1", serverAddr+":1", nil)
		p[8] = 1
		b.drop("vg1", "ttl-exceeded", func() { raw.send(mac, remade(p)) })
	})
	if n := capture.Count("udp"); n > 0 {
		t.Errorf("%d datagrams left: %x", n, capture.Frames("udp")[0].Data)
	}
}

// remade fills in the header's checksum after a change.
func remade(p []byte) []byte {
	p = slices.Clone(p)
	binary.BigEndian.PutUint16(p[10:], 0)
	wire.IPv4(p).FillChecksum()
	return p
}

// TestVirtualNetworks has docker's bridge and another of ours on the host: they
// are refused, unless the definition names them.
func TestVirtualNetworks(t *testing.T) {
	b := newBed(t)
	inside := b.lab.NS("container")
	b.lab.Veth(b.host, "vc0", inside, "eth0")
	b.host.Bridge("docker0", "vc0")
	b.host.Addr("docker0", "172.17.0.1/16")
	inside.Addr("eth0", "172.17.0.2/16") // no route back: only masqueraded packets are answered
	b.serveTCP(inside, "172.17.0.2:80")
	create := func(b *bed, name, text string) {
		b.Helper()
		if _, err := b.api.Create(b.Context(), api.CreateRequest{Name: name, TOML: text}); err != nil {
			b.Fatal(err)
		}
	}
	b.run("refused", func(b *bed) {
		b.drop("vg1", "refused", func() {
			b.answers(b.guest, "From "+gateway+" icmp_seq=1 Packet filtered", "ping", "-c1", "-W5", "172.17.0.2")
		})
	})
	b.run("its address on the host is the host's", func(b *bed) { b.ping(b.guest, "172.17.0.1") })
	create(b, "allowed", "address = \"192.168.130.1/24\"\n[nat]\negress = [\"docker0\"]\n")
	third := b.lab.NS("third")
	b.lab.Veth(b.host, "vg3", third, "eth0")
	third.Addr("eth0", "192.168.130.11/24")
	third.Route("default", "via", "192.168.130.1")
	if _, err := b.api.AddPort(b.Context(), api.AddPortRequest{Network: "allowed", Port: "vg3"}); err != nil {
		t.Fatal(err)
	}
	b.run("opened by egress", func(b *bed) {
		s := b.connect(third, "", "172.17.0.2:80")
		b.exchange(s, 1<<20, 1<<20)
		if s.seen.Addr().String() != "172.17.0.1" {
			b.Errorf("the container sees %s", s.seen)
		}
	})
	b.run("still refused to the other network", func(b *bed) {
		b.answers(b.guest, "Packet filtered", "ping", "-c1", "-W5", "172.17.0.2")
	})
	b.run("networks of ours from one another", func(b *bed) {
		b.answers(b.guest, "From "+gateway+" icmp_seq=1 Packet filtered", "ping", "-c1", "-W5", "192.168.130.11")
		b.answers(third, "From 192.168.130.1 icmp_seq=1 Packet filtered", "ping", "-c1", "-W5", "192.168.122.11")
	})
	b.run("made anew", func(b *bed) {
		b.host.Run("ip", "link", "del", "docker0")
		b.host.Bridge("docker0", "vc0")
		b.host.Addr("docker0", "172.17.0.1/16")
		b.ping(third, "172.17.0.2")
	})
	b.run("a bridge with the default route", func(b *bed) {
		b.host.Run("ip", "route", "replace", "default", "via", "172.17.0.2")
		b.ping(b.guest, "172.17.0.2")
	})
}

// TestHostAddresses reaches all of the host's addresses from a guest, and the
// guest from all of them, on a host that forwards and filters strictly (proofs
// §8); the host forwards nothing.
func TestHostAddresses(t *testing.T) {
	b := newBed(t)
	b.host.Sysctl("net.ipv4.ip_forward", "1")
	b.host.Sysctl("net.ipv4.conf.all.rp_filter", "1")
	for _, dev := range []string{"eth0", "ubr0", "default"} {
		b.host.Sysctl("net.ipv4.conf."+dev+".rp_filter", "1")
	}
	b.lab.Veth(b.host, "other0", b.host, "other1")
	b.host.Addr("other0", "172.31.0.1/24")
	b.host.Addr("lo", "203.0.113.77/32")
	b.host.Run("nft", "add table inet watch; add chain inet watch fwd_all { type filter hook forward priority 0; counter; }")
	b.host.Sysctl("net.ipv4.icmp_ratemask", "0") // traceroute gets more errors than usual
	b.serveTCP(b.host, "0.0.0.0:81")
	b.serveTCP(b.guest, "0.0.0.0:82")
	for _, addr := range []string{gateway, uplinkAddr, "172.31.0.1", "203.0.113.77"} {
		b.run(addr, func(b *bed) {
			b.ping(b.guest, addr)
			s := b.connect(b.guest, "", addr+":81")
			if s.seen.Addr() != netip.MustParseAddr("192.168.122.11") {
				b.Errorf("the host sees %s, not the guest", s.seen)
			}
			b.exchange(s, 1<<20, 1<<20)
			b.exchange(b.connect(b.host, addr+":0", "192.168.122.11:82"), 1<<20, 1<<20)
			b.answers(b.guest, " 1  "+addr, "traceroute", "-n", "-q1", "-w5", "-m3", addr)
		})
	}
	b.guest.Run("ping", "-c1", "-W5", serverAddr)
	if out := b.host.Run("nft", "list", "chain", "inet", "watch", "fwd_all"); !strings.Contains(out, "packets 0 bytes 0") {
		t.Errorf("the host forwarded:\n%s", out)
	}
}
