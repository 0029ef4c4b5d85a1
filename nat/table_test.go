package nat

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
	"time"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

func TestLayoutIsPinned(t *testing.T) {
	session, mapping := reflect.TypeFor[Session](), reflect.TypeFor[Mapping]()
	if session.Size() != SessionBytes || mapping.Size() != MappingBytes {
		t.Fatalf("session %d, mapping %d bytes", session.Size(), mapping.Size())
	}
	want := map[string]uintptr{"seq": 0, "used": 4, "tuple": 8, "mapping": 32, "born": 36, "state": 40, "fins": 41, "mac": 42}
	for name, off := range want {
		if f, _ := session.FieldByName(name); f.Offset != off {
			t.Errorf("session.%s at %d, want %d: raise LayoutVersion", name, f.Offset, off)
		}
	}
	want = map[string]uintptr{"seq": 0, "expires": 4, "inside": 8, "outside": 12, "insidePort": 16, "outsidePort": 18, "network": 20, "proto": 22, "live": 23}
	for name, off := range want {
		if f, _ := mapping.FieldByName(name); f.Offset != off {
			t.Errorf("mapping.%s at %d, want %d: raise LayoutVersion", name, f.Offset, off)
		}
	}
}

func TestMappingIsEndpointIndependent(t *testing.T) {
	for _, k := range []pkt{udp(alice, 500, server, 53), tcp(alice, 500, server, 80, wire.TCPSyn)} {
		tab := newTable(t)
		first := outsidePort(mustOut(t, tab, 1, k))
		k.dst, k.dport = third, 4000
		if second := outsidePort(mustOut(t, tab, 1, k)); second != first {
			t.Errorf("proto %d: ports %d and %d for one inside endpoint", k.proto, first, second)
		}
		k.src = bob
		if other := outsidePort(mustOut(t, tab, 1, k)); other == first {
			t.Errorf("proto %d: two guests share port %d", k.proto, first)
		}
		if first < 61000 {
			t.Errorf("proto %d: port %d outside the pool", k.proto, first)
		}
	}
}

func TestFilteringIsAddressAndPortDependent(t *testing.T) {
	tab := newTable(t)
	out := mustOut(t, tab, 1, udp(alice, 500, server, 53))
	in := reply(out, 0)
	p := wantIn(t, tab, 1, in, frame.Forwarded)
	if p.Guest != (Guest{1, alice, mac}) {
		t.Errorf("guest %+v", p.Guest)
	}
	if ip := wire.IPv4(p.L3); ip.Dst() != alice || wire.Ports(ip.Payload()).Dst() != 500 {
		t.Errorf("delivered to %v", ip.Dst())
	}
	other := in
	other.sport++
	wantIn(t, tab, 1, other, frame.Filtered)
	other = in
	other.src = third
	wantIn(t, tab, 1, other, frame.Filtered)
	other = in
	other.dport ^= 1
	wantIn(t, tab, 1, other, frame.NoMapping)
	other = in
	other.dst = wire.IP4{203, 0, 113, 8}
	wantIn(t, tab, 1, other, frame.NoMapping)
}

// Flows whose hashes are equal are told apart by every part of their key.
func TestEqualHashesAreToldApart(t *testing.T) {
	tab := newTable(t)
	tab.hash = hasher{} // hashes all to zero
	base := udp(alice, 500, server, 53)
	flows := [][]byte{mustOut(t, tab, 1, base)}
	for _, change := range []func(*pkt, *Packet){
		func(k *pkt, _ *Packet) { k.src = bob },
		func(k *pkt, _ *Packet) { k.sport++ },
		func(k *pkt, _ *Packet) { k.dst = third },
		func(k *pkt, _ *Packet) { k.dport++ },
		func(k *pkt, _ *Packet) { k.proto, k.flags = wire.ProtoTCP, flagSyn },
		func(_ *pkt, p *Packet) { p.Guest.Network = 2 },
		func(_ *pkt, p *Packet) { p.Outside = wire.IP4{203, 0, 113, 8} },
	} {
		k, p := base, outPacket(nil, nil)
		change(&k, p)
		p.L3 = k.bytes()
		if r := tab.Outbound(1, p); r != frame.Forwarded {
			t.Fatal(r)
		}
		flows = append(flows, p.L3)
	}
	if s := tab.Stats(); s.Sessions != len(flows) || s.Guests != 3 {
		t.Fatalf("%+v", s)
	}
	for i, out := range flows {
		in := reply(out, flagSynAck)
		wantIn(t, tab, 1, in, frame.Forwarded)
		in.dst[3] ^= 15 // the other outside address
		if r := tab.Inbound(1, inPacket(in.bytes(), nil)); r == frame.Forwarded {
			t.Errorf("flow %d is taken for one of another address", i)
		}
	}
	checkCounts(t, tab)
}

func TestFreePortOfTheGuestsOwnIsKept(t *testing.T) {
	tab := newTable(t)
	if got := outsidePort(mustOut(t, tab, 1, udp(alice, 62000, server, 53))); got != 62000 {
		t.Errorf("port %d, want the guest's own", got)
	}
	if got := outsidePort(mustOut(t, tab, 1, udp(bob, 62000, server, 53))); got == 62000 {
		t.Error("two guests on one port")
	}
	if got := outsidePort(mustOut(t, tab, 1, echo(alice, 77, server))); got != 77 {
		t.Errorf("identifier %d, want the guest's own", got)
	}
}

func TestEchoIsTranslatedByIdentifier(t *testing.T) {
	tab := newTable(t)
	a := mustOut(t, tab, 1, echo(alice, 77, server))
	b := mustOut(t, tab, 1, echo(bob, 77, server))
	for _, c := range []struct {
		out   []byte
		guest wire.IP4
	}{{a, alice}, {b, bob}} {
		p := wantIn(t, tab, 1, reply(c.out, 0), frame.Forwarded)
		if p.Guest.Addr != c.guest || wire.ICMP(p.L3[20:]).ID() != 77 {
			t.Errorf("reply for %v reached %v with identifier %d", c.guest, p.Guest.Addr, wire.ICMP(p.L3[20:]).ID())
		}
	}
	hosts := pkt{src: server, dst: host, proto: wire.ProtoICMP, icmpType: wire.ICMPEchoReply, sport: 4711}
	wantIn(t, tab, 1, hosts, frame.NoMapping)
}

func TestRefusedPacketsStayAsTheyWere(t *testing.T) {
	icmp := func(typ byte) pkt {
		return pkt{src: alice, dst: server, proto: wire.ProtoICMP, icmpType: typ, body: make([]byte, 28)}
	}
	short := udp(alice, 1, server, 2).bytes()
	binary.BigEndian.PutUint16(short[2:], 24)
	liar := udp(alice, 1, server, 2).bytes()
	binary.BigEndian.PutUint16(liar[24:], 7)
	options := tcp(alice, 1, server, 2, wire.TCPSyn).bytes()
	options[32] = 15 << 4
	cases := []struct {
		name string
		b    []byte
		want frame.Reason
	}{
		{"not IPv4", []byte{0x60, 0, 0, 0}, frame.BadIP},
		{"SCTP", pkt{src: alice, dst: server, proto: 132}.bytes(), frame.UnsupportedProto},
		{"echo reply from a guest", icmp(wire.ICMPEchoReply).bytes(), frame.UnsupportedProto},
		{"timestamp", icmp(13).bytes(), frame.UnsupportedProto},
		{"redirect", icmp(wire.ICMPRedirect).bytes(), frame.UnsupportedProto},
		{"source quench", icmp(wire.ICMPSourceQuench).bytes(), frame.UnsupportedProto},
		{"error about nothing", icmp(wire.ICMPUnreachable).bytes(), frame.BadTransport},
		{"UDP cut short", short, frame.BadTransport},
		{"UDP length below its header", liar, frame.BadTransport},
		{"TCP options beyond the end", options, frame.BadTransport},
		{"SYN and FIN", tcp(alice, 1, server, 2, wire.TCPSyn|wire.TCPFin).bytes(), frame.BadTransport},
		{"no flags", tcp(alice, 1, server, 2, 0).bytes(), frame.BadTransport},
		{"RST opens nothing", tcp(alice, 1, server, 2, wire.TCPRst).bytes(), frame.BadState},
		{"FIN opens nothing", tcp(alice, 1, server, 2, wire.TCPFin|wire.TCPAck).bytes(), frame.BadState},
		{"SYN-ACK opens nothing", tcp(alice, 1, server, 2, wire.TCPSyn|wire.TCPAck).bytes(), frame.BadState},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tab := newTable(t)
			b := bytes.Clone(c.b)
			if r := tab.Outbound(1, outPacket(b, nil)); r != c.want {
				t.Errorf("%v, want %v", r, c.want)
			}
			if !bytes.Equal(b, c.b) {
				t.Error("packet changed")
			}
			if s := tab.Stats(); s.Sessions+s.Mappings+s.Guests != 0 {
				t.Errorf("left behind: %+v", s)
			}
		})
	}
}

func TestOffloads(t *testing.T) {
	big := make([]byte, 40000)
	super := func(k pkt, gso frame.GSO) ([]byte, *frame.Offload) {
		k.body = big
		b := k.bytes()
		o := unfinished(b)
		o.GSO, o.GSOSize = gso, 1400
		return b, o
	}
	cases := []struct {
		name string
		make func() ([]byte, *frame.Offload)
		want frame.Reason
	}{
		{"TCP unfinished", func() ([]byte, *frame.Offload) {
			b := tcp(alice, 1, server, 80, wire.TCPSyn).bytes()
			return b, unfinished(b)
		}, frame.Forwarded},
		{"UDP unfinished", func() ([]byte, *frame.Offload) { b := udp(alice, 1, server, 80).bytes(); return b, unfinished(b) }, frame.Forwarded},
		{"TSO", func() ([]byte, *frame.Offload) {
			return super(tcp(alice, 1, server, 80, wire.TCPAck), frame.GSOTCP4|frame.GSOECN)
		}, frame.Forwarded},
		{"USO", func() ([]byte, *frame.Offload) { return super(udp(alice, 1, server, 80), frame.GSOUDPL4) }, frame.Forwarded},
		{"TSO of UDP", func() ([]byte, *frame.Offload) { return super(udp(alice, 1, server, 80), frame.GSOTCP4) }, frame.BadOffload},
		{"IPv6 TSO", func() ([]byte, *frame.Offload) {
			return super(tcp(alice, 1, server, 80, wire.TCPAck), frame.GSOTCP6)
		}, frame.BadOffload},
		{"superframe with a finished checksum", func() ([]byte, *frame.Offload) {
			b, o := super(tcp(alice, 1, server, 80, wire.TCPAck), frame.GSOTCP4)
			o.Flags = 0
			return b, o
		}, frame.BadOffload},
		{"checksum laid across the IP header", func() ([]byte, *frame.Offload) {
			b := udp(alice, 1, server, 80).bytes()
			return b, &frame.Offload{Flags: frame.NeedsCsum, CsumStart: 20, CsumOffset: 6}
		}, frame.BadOffload},
		{"checksum at the wrong field", func() ([]byte, *frame.Offload) {
			b := udp(alice, 1, server, 80).bytes()
			return b, &frame.Offload{Flags: frame.NeedsCsum, CsumStart: 34, CsumOffset: 0}
		}, frame.BadOffload},
		{"echo unfinished", func() ([]byte, *frame.Offload) {
			b := echo(alice, 1, server).bytes()
			return b, unfinished(b)
		}, frame.BadOffload},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, o := c.make()
			if r := newTable(t).Outbound(1, outPacket(b, o)); r != c.want {
				t.Fatalf("%v, want %v", r, c.want)
			}
			if c.want == frame.Forwarded {
				if err := sumsRight(b, o); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A guest that tunnels leaves the inner checksum undone; the outer one is
// finished and stays true.
func TestChecksumLeftUndoneFartherInside(t *testing.T) {
	b := udp(alice, 1, server, 4789).bytes()
	o := &frame.Offload{Flags: frame.NeedsCsum, CsumStart: wire.EthernetLen + 28, CsumOffset: 2}
	if r := newTable(t).Outbound(1, outPacket(b, o)); r != frame.Forwarded {
		t.Fatal(r)
	}
	if err := sumsRight(b, nil); err != nil {
		t.Error(err)
	}
}

func TestUDPChecksumZero(t *testing.T) {
	k := udp(alice, 500, server, 53)
	k.noChecksum = true
	if b := mustOut(t, newTable(t), 1, k); wire.UDP(b[20:]).Checksum() != 0 {
		t.Error("a checksum appeared")
	}
	// One whose true value after translation is zero is sent as 0xffff: find the
	// body word that makes it so.
	k.noChecksum = false
	k.body = []byte{0, 0}
	b := mustOut(t, newTable(t), 1, k)
	left := wire.UDP(b[20:]).Checksum()
	binary.BigEndian.PutUint16(k.body, left)
	if got := wire.UDP(mustOut(t, newTable(t), 1, k)[20:]).Checksum(); got != 0xffff {
		t.Errorf("checksum %#04x, want 0xffff", got)
	}
}

func TestInboundFollowsTheGuestsMAC(t *testing.T) {
	tab := newTable(t)
	out := mustOut(t, tab, 1, udp(alice, 500, server, 53))
	p := outPacket(udp(alice, 500, server, 53).bytes(), nil)
	p.Guest.MAC = wire.MAC{2, 0, 0, 0, 0, 9}
	if r := tab.Outbound(2, p); r != frame.Forwarded {
		t.Fatal(r)
	}
	if in := wantIn(t, tab, 2, reply(out, 0), frame.Forwarded); in.Guest.MAC != (wire.MAC{2, 0, 0, 0, 0, 9}) {
		t.Errorf("MAC %v", in.Guest.MAC)
	}
}

func TestNetworksWithEqualAddressesAreApart(t *testing.T) {
	tab := newTable(t)
	one := mustOut(t, tab, 1, udp(alice, 500, server, 53))
	b := udp(alice, 500, server, 53).bytes()
	p := outPacket(b, nil)
	p.Guest.Network = 2
	if r := tab.Outbound(1, p); r != frame.Forwarded {
		t.Fatal(r)
	}
	if outsidePort(one) == outsidePort(b) {
		t.Fatal("two networks share a port")
	}
	if in := wantIn(t, tab, 1, reply(b, 0), frame.Forwarded); in.Guest.Network != 2 {
		t.Errorf("network %d", in.Guest.Network)
	}
	tab.Flush(2, 2)
	wantIn(t, tab, 2, reply(b, 0), frame.Filtered)
	wantIn(t, tab, 2, reply(one, 0), frame.Forwarded)
}

func TestDropOutsideFreesItsPortsAtOnce(t *testing.T) {
	tab := newTable(t)
	out := mustOut(t, tab, 1, udp(alice, 500, server, 53))
	mustOut(t, tab, 1, udp(alice, 500, third, 53))
	tab.DropOutside(1, host)
	wantIn(t, tab, 1, reply(out, 0), frame.NoMapping)
	if s := tab.Stats(); s.Sessions+s.Mappings+s.Guests+s.Ports[UDP].Held != 0 {
		t.Errorf("left behind: %+v", s)
	}
}

func TestFlowsAreListedInChunks(t *testing.T) {
	tab := newTable(t)
	for i := range uint16(10) {
		mustOut(t, tab, 1, udp(alice, 500, server, 1000+i))
	}
	seen := map[uint16]bool{}
	var out [3]Flow
	for at := 0; at >= 0; {
		var n int
		n, at = tab.Flows(11, Networks{One: 1}, at, out[:])
		for _, f := range out[:n] {
			seen[f.Remote.Port()] = true
			if f.Inside.String() != "192.168.122.10:500" || f.Outside.Addr() != host.Addr() || f.Proto.String() != "udp" ||
				f.State.String() != "unreplied" || f.ExpiresIn != 20 {
				t.Errorf("flow %+v", f)
			}
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d flows, want 10", len(seen))
	}
	if n, next := tab.Flows(1, Networks{One: 2}, 0, out[:]); n != 0 || next != -1 {
		t.Errorf("another network: %d flows, next %d", n, next)
	}
}

func TestConfigMistakesAreNamed(t *testing.T) {
	cases := map[string]Config{
		"seed":            {},
		"no range":        {Seed: [2]uint64{1}, FirstPort: 9, LastPort: 8},
		"words":           {Seed: [2]uint64{1}, PortBits: make([]uint64, 3)},
		"fragment memory": {Seed: [2]uint64{1}, FragmentBytes: 4096},
		"no sess":         {Seed: [2]uint64{1}, Memory: State{Sessions: []Session{}}},
	}

	for want, cfg := range cases {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
}

func TestTimeoutsRoundUpToSeconds(t *testing.T) {
	got := Timeouts{UDP: 1500 * time.Millisecond}.timers()
	if got.state[UDPNew] != 2 || got.state[Established] != 432000 || got.hold[UDP] != 120 || got.quarantine != 30 {
		t.Errorf("timers %+v", got)
	}
}
