package nat

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// history drives the table and the reference through the same life.
type history struct {
	*reference
	tab *Table
	cfg Config
}

var (
	refOutsides = []wire.IP4{host, {203, 0, 113, 8}}
	refRemotes  = []wire.IP4{server, third}
	refSegments = []string{"ack", "syn", "synack", "fin", "rst"}
	refMACs     = []wire.MAC{mac, {2, 0, 0, 0, 0, 1}}
)

func newHistory(t *rapid.T) *history {
	h := &history{reference: &reference{now: 100, swept: true, ends: map[endKey]*refMapping{}, flows: map[flowKey]*refFlow{}}}
	h.cfg = Config{
		FirstPort: 61000, LastPort: 61999, PortBits: make([]uint64, PortBitWords), Now: 100,
		Seed:   [2]uint64{rapid.Uint64Min(1).Draw(t, "seed"), 7},
		Memory: State{Sessions: make([]Session, 256), Mappings: make([]Mapping, 256)}, Fragments: 8, FragmentBytes: 128 << 10,
	}
	h.tab = must(New(h.cfg))
	return h
}

func drawFlow(t *rapid.T) flowKey {
	k := flowKey{
		end: endKey{
			proto:      rapid.SampledFrom([]byte{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoICMP}).Draw(t, "proto"),
			network:    rapid.Uint16Range(1, 2).Draw(t, "network"),
			inside:     rapid.SampledFrom([]wire.IP4{alice, bob}).Draw(t, "inside"),
			insidePort: rapid.SampledFrom([]uint16{7, 8, 61005}).Draw(t, "port"),
			outside:    rapid.SampledFrom(refOutsides).Draw(t, "outside"),
		},
		remote:     rapid.SampledFrom(refRemotes).Draw(t, "remote"),
		remotePort: rapid.SampledFrom([]uint16{53, 80}).Draw(t, "remote port"),
	}
	if k.end.proto == wire.ProtoICMP {
		k.remotePort = 0
	}
	return k
}

// offload leaves the checksum of some TCP and UDP packets undone.
func drawOffload(t *rapid.T, b []byte) *frame.Offload {
	if b[9] == wire.ProtoICMP || !rapid.Bool().Draw(t, "unfinished") {
		return nil
	}
	return unfinished(b)
}

func (h *history) Outbound(t *rapid.T) {
	k, segment := drawFlow(t), rapid.SampledFrom(refSegments).Draw(t, "segment")
	e := k.end
	pk := pkt{src: e.inside, dst: k.remote, proto: e.proto, sport: e.insidePort, dport: k.remotePort,
		flags: refFlags[segment], icmpType: wire.ICMPEcho, body: bodyOf(rapid.IntRange(0, 9).Draw(t, "body"))}
	pk.noChecksum = e.proto == wire.ProtoUDP && rapid.IntRange(0, 3).Draw(t, "no checksum") == 0
	b := pk.bytes()
	o := drawOffload(t, b)
	p := &Packet{L3: b, L3Offset: wire.EthernetLen, Offload: o, Outside: e.outside,
		Guest: Guest{Network: e.network, MAC: rapid.SampledFrom(refMACs).Draw(t, "mac")}}
	was := bytes.Clone(b)
	r := h.tab.Outbound(h.now, p)
	if e.proto == wire.ProtoTCP && h.flows[k] == nil && segment != "syn" && segment != "ack" {
		if r != frame.BadState || !bytes.Equal(b, was) {
			t.Fatalf("%s opens a session: %v", segment, r)
		}
		return
	}
	if r != frame.Forwarded {
		t.Fatalf("outbound refused: %v", r)
	}
	port, err := h.out(k, p.Guest.MAC, segment, outsidePort(b))
	if err == nil {
		err = sumsRight(b, o)
	}
	ip := wire.IPv4(b)
	if err != nil || ip.Src() != e.outside || ip.Dst() != k.remote || outsidePort(b) != port {
		t.Fatalf("%v → %v from port %d, want %d: %v", ip.Src(), ip.Dst(), outsidePort(b), port, err)
	}
}

func (h *history) Inbound(t *rapid.T) {
	k, segment := h.drawPeer(t), rapid.SampledFrom(refSegments).Draw(t, "segment")
	proto, port := k.end.proto, h.portOf(t, k.end)
	pk := pkt{src: k.remote, dst: k.end.outside, proto: proto, sport: k.remotePort, dport: port,
		flags: refFlags[segment], icmpType: wire.ICMPEchoReply, body: bodyOf(rapid.IntRange(0, 9).Draw(t, "body"))}
	if proto == wire.ProtoICMP {
		pk.sport = port
	}
	b := pk.bytes()
	o := drawOffload(t, b)
	p, was := inPacket(b, o), bytes.Clone(b)
	r := h.tab.Inbound(h.now, p)
	to, want := h.in(proto, k.end.outside, port, k.remote, k.remotePort)
	h.compare(t, r, want, b, was)
	if r != frame.Forwarded {
		return
	}
	h.flows[to].packet(h.now, "out", segment)
	h.delivered(t, p, to)
	if err := sumsRight(b, o); err != nil {
		t.Fatal(err)
	}
	got := wire.Ports(b[20:]).Dst()
	if proto == wire.ProtoICMP {
		got = wire.ICMP(b[20:]).ID()
	}
	if got != to.end.insidePort {
		t.Fatalf("to port %d, want %d", got, to.end.insidePort)
	}
}

// InboundError quotes a packet that a guest sent, or might have.
func (h *history) InboundError(t *rapid.T) {
	k := h.drawPeer(t)
	port := h.portOf(t, k.end)
	sent := pkt{src: k.end.outside, dst: k.remote, proto: k.end.proto, sport: port, dport: k.remotePort, flags: flagAck,
		icmpType: wire.ICMPEcho, body: bodyOf(40)}.bytes()
	quote := rapid.IntRange(28, len(sent)).Draw(t, "quote")
	b := icmpError(third, k.end.outside, wire.ICMPTimeExceeded, sent[:quote]).bytes()
	p, was := inPacket(b, nil), bytes.Clone(b)
	r := h.tab.Inbound(h.now, p)
	to, want := h.in(k.end.proto, k.end.outside, port, k.remote, k.remotePort)
	h.compare(t, r, want, b, was)
	if r != frame.Forwarded {
		return
	}
	h.delivered(t, p, to)
	if err := sumsRight(b, nil); err != nil {
		t.Fatal(err)
	}
	// What the guest reads is a packet of its own, as it sent it.
	own := pkt{src: to.end.inside, dst: k.remote, proto: k.end.proto, sport: to.end.insidePort, dport: k.remotePort, flags: flagAck,
		icmpType: wire.ICMPEcho, body: bodyOf(40)}.bytes()
	if quote == 37 && k.end.proto == wire.ProtoTCP {
		quote = 36 // half a checksum cannot be kept true
	}
	if !bytes.Equal(b[28:][:quote], own[:quote]) {
		t.Fatalf("quoted % x\nwant   % x", b[28:], own[:quote])
	}
}

// drawPeer prefers flows that exist.
func (h *history) drawPeer(t *rapid.T) flowKey {
	if len(h.flows) == 0 || rapid.IntRange(0, 3).Draw(t, "stranger") == 0 {
		return drawFlow(t)
	}
	keys := make([]flowKey, 0, len(h.flows))
	for k := range h.flows {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b flowKey) int { return bytes.Compare(fmt.Append(nil, a), fmt.Append(nil, b)) })
	return rapid.SampledFrom(keys).Draw(t, "flow")
}

func (h *history) portOf(t *rapid.T, k endKey) uint16 {
	if e := h.ends[k]; e != nil {
		return e.port
	}
	return rapid.Uint16Range(61000, 61010).Draw(t, "outside port")
}

// compare allows for one thing: before a sweep the table may still hold a port
// whose time is over.
func (h *history) compare(t *rapid.T, got, want frame.Reason, b, was []byte) {
	if want == frame.NoMapping && got == frame.Filtered && !h.swept {
		got = want
	}
	if got != want {
		t.Fatalf("%v, want %v", got, want)
	}
	if got != frame.Forwarded && !bytes.Equal(b, was) {
		t.Fatalf("a refused packet was changed")
	}
}

func (h *history) delivered(t *rapid.T, p *Packet, to flowKey) {
	want := Guest{to.end.network, to.end.inside, h.flows[to].mac}
	if p.Guest != want || wire.IPv4(p.L3).Dst() != to.end.inside {
		t.Fatalf("delivered to %+v, want %+v", p.Guest, want)
	}
}

var refSteps = []Time{0, 1, 2, 5, 10, 29, 30, 31, 60, 119, 120, 300, 7440, 432000}

func (h *history) TimeGoesOn(t *rapid.T) {
	h.now += rapid.SampledFrom(refSteps).Draw(t, "seconds")
	h.swept = false
	if rapid.Bool().Draw(t, "sweep") {
		h.tab.Expire(h.now, all)
		h.swept = true
		checkPorts(t, h.tab)
	}
	h.expire(true)
}

func (h *history) OutsideVanishes(t *rapid.T) {
	gone := rapid.SampledFrom(refOutsides).Draw(t, "outside")
	h.tab.DropOutside(h.now, gone)
	for k := range h.flows {
		if k.end.outside == gone {
			delete(h.flows, k)
		}
	}
	for k := range h.ends {
		if k.outside == gone {
			delete(h.ends, k)
		}
	}
}

func (h *history) NetworkStops(t *rapid.T) {
	network := rapid.Uint16Range(1, 2).Draw(t, "network")
	h.tab.Flush(h.now, network)
	for k := range h.flows {
		if k.end.network == network {
			h.end(k, h.now)
		}
	}
}

// ProcessDies: another process resumes from the memory, perhaps later, perhaps
// with an entry that was being written.
func (h *history) ProcessDies(t *rapid.T) {
	h.tab.Expire(h.now, all)
	h.expire(true)
	memory := State{Sessions: slices.Clone(h.cfg.Memory.Sessions), Mappings: slices.Clone(h.cfg.Memory.Mappings)}
	if rapid.Bool().Draw(t, "torn") {
		h.tear(memory.Sessions[rapid.IntRange(0, 20).Draw(t, "slot")%256:])
	}
	h.now += rapid.SampledFrom(refSteps).Draw(t, "dead for")
	memory.ZeroSessions, memory.ZeroMappings = zeros(memory.Sessions), zeros(memory.Mappings)
	h.cfg.Memory, h.cfg.Now = memory, h.now
	// Whatever the kernel's bits were, New makes them agree.
	h.cfg.PortBits[rapid.IntRange(0, PortBitWords-1).Draw(t, "word")] = rapid.Uint64().Draw(t, "junk")
	h.tab = must(New(h.cfg))
	h.expire(false)
	for k, e := range h.ends {
		if !h.inUse(k) && e.expires <= h.now {
			e.expires = h.now + 30
		}
	}
	h.swept = true
	checkPorts(t, h.tab)
}

// tear leaves the first live session odd and scribbles on it.
func (h *history) tear(sessions []Session) {
	for i := range sessions {
		s := &sessions[i]
		if s.state == free {
			continue
		}
		k := flowKey{endKey{proto: [...]byte{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoICMP}[s.tuple.proto], network: s.tuple.network,
			inside: wire.IP4FromUint32(s.tuple.inside), insidePort: s.tuple.insidePort, outside: wire.IP4FromUint32(s.tuple.outside)},
			wire.IP4FromUint32(s.tuple.remote), s.tuple.remotePort}
		delete(h.flows, k)
		begin(&s.seq)
		s.tuple.remote ^= 0xffff
		s.mapping = 1 << 31
		return
	}
}

// check compares all that the two know.
func (h *history) check(t *rapid.T) {
	checkCounts(t, h.tab)
	h.checkFlows(t)
	if !h.swept {
		return
	}
	for i, proto := range []byte{wire.ProtoTCP, wire.ProtoUDP} {
		want := make([]uint64, portWords)
		for k, e := range h.ends {
			if k.proto == proto {
				want[e.port>>6] |= 1 << (e.port & 63)
			}
		}
		if got := h.cfg.PortBits[i*portWords:][:portWords]; !slices.Equal(got, want) {
			t.Fatalf("proto %d: port bits differ from the reference %v", proto, h.describe())
		}
	}
}

func (h *history) describe() (s string) {
	for k, e := range h.ends {
		s += fmt.Sprintf("\n%+v: %+v", k, *e)
	}
	for _, m := range h.tab.mappings {
		if m.live {
			s += fmt.Sprintf("\ntable %v %v:%d %d until %d", m.proto, wire.IP4FromUint32(m.inside), m.insidePort, m.outsidePort, m.expires)
		}
	}
	return s
}

func (h *history) checkFlows(t *rapid.T) {
	out := make([]Flow, 300)
	n, next := h.tab.Flows(h.now, Networks{All: true}, 0, out)
	if n != len(h.flows) || next != -1 {
		t.Fatalf("%d flows, want %d", n, len(h.flows))
	}
	names := map[string]string{"fin-in": "fin-wait", "fin-out": "fin-wait", "closewait-in": "close-wait", "closewait-out": "close-wait"}
	for _, f := range out[:n] {
		k := flowKey{endKey{proto: [...]byte{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoICMP}[f.Proto], network: f.Network,
			inside: f.Inside.Addr().As4(), insidePort: f.Inside.Port(), outside: f.Outside.Addr().As4()},
			f.Remote.Addr().As4(), f.Remote.Port()}
		want := h.flows[k]
		if want == nil {
			t.Fatalf("flow %+v is not the reference's", f)
		}
		state := want.state
		if n := names[state]; n != "" {
			state = n
		}
		if f.State.String() != state || Time(f.ExpiresIn) != want.used+refTimeout[want.state]-h.now || f.Outside.Port() != h.ends[k.end].port {
			t.Fatalf("flow %+v, want %+v", f, *want)
		}
	}
}

func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		t.Repeat(map[string]func(*rapid.T){
			"outbound": h.Outbound, "outbound again": h.Outbound, "outbound more": h.Outbound,
			"inbound": h.Inbound, "inbound again": h.Inbound, "inbound error": h.InboundError,
			"time": h.TimeGoesOn, "outside": h.OutsideVanishes, "network": h.NetworkStops,
			"kill": h.ProcessDies, "": h.check,
		})
	})
}

// zeros is how many slots at the end are zero.
func zeros[T comparable](slots []T) (n int) {
	for n < len(slots) && slots[len(slots)-1-n] == *new(T) {
		n++
	}
	return n
}
