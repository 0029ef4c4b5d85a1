package gateway_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/fdb"
	"ubridge/internal/gateway"
	"ubridge/internal/wire"
	"ubridge/nat"
)

var (
	station  = wire.MAC{0x52, 0x54, 0, 0xff, 0, 1}
	guestMAC = wire.MAC{0x52, 0x54, 0, 0, 0, 7}
	nicMAC   = wire.MAC{2, 0, 0, 0, 0, 1}
	hopMAC   = wire.MAC{2, 0, 0, 0, 0, 2}

	gatewayIP = wire.IP4{192, 168, 122, 1}
	guestIP   = wire.IP4{192, 168, 122, 7}
	outside   = wire.IP4{10, 9, 0, 2}
	server    = wire.IP4{198, 51, 100, 1}
)

const (
	guestPort  dataplane.PortID   = 1
	hostPort   dataplane.PortID   = 2
	uplinkPort dataplane.PortID   = 3
	bridgeID   dataplane.BridgeID = 5
)

// bed is a router on a worker with a guest, the host and an uplink, all in
// memory. The test plays the slow path.
type bed struct {
	t                   testing.TB
	w                   *dataplane.Worker
	r                   *gateway.Router
	guest, host, uplink *memport.Port
	asked               chan wire.IP4 // full: further questions are not taken
	dhcp                chan []byte   // full: further requests are not taken
	busy                bool
}

var caps = frame.Caps{Csum: true, TSO4: true, TSO6: true, USO: true, MTU: 1500}

func newBed(t testing.TB) *bed {
	t.Helper()
	b := &bed{t: t, asked: make(chan wire.IP4, 4096), dhcp: make(chan []byte, 100)}
	table, err := nat.New(nat.Config{FirstPort: 61000, LastPort: 65535, Seed: [2]uint64{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	b.r = gateway.NewRouter(gateway.Config{NAT: table, Resolve: func(_ dataplane.PortID, dst wire.IP4) bool { return offer(b.asked, dst) },
		Local: func(a wire.IP4) bool { return a == outside },
	})
	if b.w, err = dataplane.NewWorker(b.r, 1); err != nil {
		t.Fatal(err)
	}
	stations, err := fdb.New(fdb.Config{Entries: make([]fdb.Entry, 64), Seed: 1, MaxPorts: 8})
	if err != nil {
		t.Fatal(err)
	}
	b.guest, b.host, b.uplink = polled(t), polled(t), polled(t)
	b.w.AddBridge(bridgeID, dataplane.BridgeConfig{FDB: stations, Station: station, TakeDHCP: true, JudgeHost: true})
	b.w.AddPort(guestPort, bridgeID, "guest", b.guest)
	b.w.AddPort(hostPort, bridgeID, "ubr0", b.host)
	b.w.SetHostPort(hostPort)
	b.w.AddPort(uplinkPort, dataplane.NoBridge, "eth0", b.uplink)
	b.r.AddNetwork(gateway.Network{
		Bridge: bridgeID, Station: station, Gateway: gatewayIP, Subnet: netip.MustParsePrefix("192.168.122.0/24"), MTU: 1500,
		DHCP: func(_ dataplane.PortID, _ wire.MAC, p []byte) bool { return offer(b.dhcp, p) && !b.busy },
		DNS: func(_ netip.AddrPort, q []byte, reply func([]byte)) bool {
			reply(append([]byte("re: "), q...))
			return true
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	b.send(b.guest, guestPort, ether(wire.Broadcast, guestMAC, 0x88b5, make([]byte, 46))) // learned
	b.host.Sent()
	return b
}

// offer sends unless the channel is full.
func offer[T any](to chan T, v T) bool {
	select {
	case to <- v:
		return true
	default:
		return false
	}
}

func polled(t testing.TB) *memport.Port {
	p, err := memport.NewPolled(caps)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// send puts frames in on a port and waits until the worker took them.
func (b *bed) send(p *memport.Port, id dataplane.PortID, frames ...[]byte) {
	b.t.Helper()
	for _, f := range frames {
		b.sendFrame(p, id, memport.Frame{Data: f})
	}
}

func (b *bed) sendFrame(p *memport.Port, id dataplane.PortID, f memport.Frame) {
	b.t.Helper()
	before := b.counters(id).RxFrames
	p.Inject(f)
	for deadline := time.Now().Add(5 * time.Second); b.counters(id).RxFrames == before; {
		if time.Now().After(deadline) {
			b.t.Fatal("the worker does not take frames")
		}
	}
}

func (b *bed) counters(id dataplane.PortID) (c dataplane.Counters) {
	b.do(func(w *dataplane.Worker) {
		info, _ := w.Port(id)
		c = info.Counters
	})
	return c
}

func (b *bed) do(fn func(*dataplane.Worker)) {
	b.t.Helper()
	if err := b.w.Do(b.t.Context(), fn); err != nil {
		b.t.Fatal(err)
	}
}

// answer gives the router a next hop, as the slow path would.
func (b *bed) answer(dst wire.IP4, h gateway.Hop) {
	b.w.PostCycle(func(c *dataplane.Cycle) { b.r.SetHop(c, dst, h) })
	b.do(func(*dataplane.Worker) {})
}

func ready() gateway.Hop {
	return gateway.Hop{State: gateway.HopReady, Port: uplinkPort, Device: 2, MTU: 1500, Outside: outside, Dst: hopMAC, Src: nicMAC}
}

// wantDrop checks that a port dropped one frame for a reason since the bed was
// made.
func (b *bed) wantDrop(id dataplane.PortID, r frame.Reason) {
	b.t.Helper()
	if d := b.counters(id).Drops; d[r] != 1 {
		b.t.Errorf("%s drops: %d, want 1; all: %v", r, d[r], d)
	}
}

// one is the only frame that a port sent since the last look.
func (b *bed) one(p *memport.Port) []byte {
	b.t.Helper()
	sent := p.Sent()
	if len(sent) != 1 {
		b.t.Fatalf("%d frames were sent, want 1", len(sent))
	}
	return sent[0].Data
}

func ether(dst, src wire.MAC, typ uint16, payload []byte) []byte {
	e := make(wire.Ethernet, wire.EthernetLen+len(payload))
	e.SetDst(dst)
	e.SetSrc(src)
	e.SetType(typ)
	copy(e.Payload(), payload)
	return e
}

// ipv4 is a packet with a right header checksum.
func ipv4(src, dst wire.IP4, proto byte, payload []byte) wire.IPv4 {
	p := make(wire.IPv4, wire.IPv4Len+len(payload))
	p[0], p[8], p[9] = 0x45, 64, proto
	copy(p[12:], src[:])
	copy(p[16:], dst[:])
	copy(p[wire.IPv4Len:], payload)
	p.SetTotalLen(len(p))
	p.FillChecksum()
	return p
}

// udp is a datagram with a right checksum.
func udp(src, dst wire.IP4, sport, dport uint16, payload []byte) wire.IPv4 {
	u := make(wire.UDP, wire.UDPLen+len(payload))
	binary.BigEndian.PutUint16(u, sport)
	binary.BigEndian.PutUint16(u[2:], dport)
	u.SetLen(len(u))
	copy(u[wire.UDPLen:], payload)
	u.SetChecksum(^wire.Fold(wire.Sum(u, wire.PseudoIPv4(src, dst, wire.ProtoUDP, len(u)))))
	return ipv4(src, dst, wire.ProtoUDP, u)
}

// fromGuest is a frame from the guest to the gateway.
func fromGuest(ip wire.IPv4) []byte { return ether(station, guestMAC, wire.TypeIPv4, ip) }

// parse checks a frame's IPv4 and transport checksums and gives the packet.
func parse(t testing.TB, f []byte) (wire.Ethernet, wire.IPv4) {
	t.Helper()
	eth := wire.Ethernet(f)
	ip, ok := wire.ParseIPv4(eth.Payload())
	if !ok || !ip.ChecksumOK() {
		t.Fatalf("no IPv4 packet, or a wrong header checksum: %x", f)
	}
	if ip.Proto() == wire.ProtoUDP && !ip.IsFragment() {
		if wire.Fold(wire.Sum(ip.Payload(), wire.PseudoIPv4(ip.Src(), ip.Dst(), wire.ProtoUDP, len(ip.Payload())))) != 0xffff {
			t.Errorf("wrong UDP checksum: %x", f)
		}
	}
	if ip.Proto() == wire.ProtoICMP && wire.Fold(wire.Sum(ip.Payload(), 0)) != 0xffff {
		t.Errorf("wrong ICMP checksum: %x", f)
	}
	return eth, ip
}
