package gateway_test

import (
	"runtime"
	"testing"
	"time"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/internal/gateway"
	"ubridge/internal/wire"
)

// loop is a port that receives the same frames again and again, as often as it
// is told, and counts what it sends.
type loop struct {
	frames [][]byte
	bufs   [][]byte
	rounds int
	sent   int
}

func newLoop(frames ...[]byte) *loop {
	l := &loop{frames: frames}
	for _, f := range frames {
		l.bufs = append(l.bufs, make([]byte, frame.Headroom+len(f)))
	}
	return l
}

// Receive fills the frames in anew: the router rewrites them in place.
func (l *loop) Receive(b *frame.Batch, _ *frame.Drops) error {
	if l.rounds == 0 {
		return nil
	}
	l.rounds--
	for i, f := range l.frames {
		copy(l.bufs[i][frame.Headroom:], f)
		b.Add(l.bufs[i], frame.Headroom, len(f))
	}
	return nil
}

func (l *loop) Transmit(_ *frame.Batch, which []uint16) frame.Sent {
	l.sent += len(which)
	return frame.Sent{Frames: uint32(len(which))}
}

func (l *loop) NewSender() frame.Sender { return l }
func (l *loop) Release()                {}
func (l *loop) Caps() frame.Caps        { return caps }
func (l *loop) FD() int                 { return -1 }
func (l *loop) Pending() bool           { return l.rounds > 0 }
func (l *loop) Close() error            { return nil }

// fragments cuts a packet into two, the second of which comes first.
func fragments(p wire.IPv4) (second, first wire.IPv4) {
	const cut = 64
	first = ipv4(p.Src(), p.Dst(), p.Proto(), p.Payload()[:cut])
	second = ipv4(p.Src(), p.Dst(), p.Proto(), p.Payload()[cut:])
	first[6], second[7] = 0x20, cut/8
	for _, f := range []wire.IPv4{first, second} {
		f.SetID(77)
		f.FillChecksum()
	}
	return second, first
}

// Routing allocates nothing, both ways: translated packets, fragments in any
// order, packets that must be cut, and those that are answered by an error or
// dropped.
func TestRoutingAllocatesNothing(t *testing.T) {
	b := newBed(t)
	b.answer(server, ready())
	narrow := wire.IP4{198, 51, 100, 9}
	hop := ready()
	hop.MTU = 600
	b.answer(narrow, hop)
	b.answer(wire.IP4{198, 51, 100, 10}, gateway.Hop{State: gateway.HopNoRoute, Port: dataplane.NoPort})

	b.send(b.guest, guestPort, fromGuest(udp(guestIP, server, 5000, 7, nil)))
	_, ip := parse(t, b.one(b.uplink))
	port, _ := wire.ParseUDP(ip.Payload())
	back := udp(server, outside, 7, port.SrcPort(), make([]byte, 200))
	late, early := fragments(udp(guestIP, server, 5000, 7, make([]byte, 100)))
	lateBack, earlyBack := fragments(back)
	lastHop := udp(guestIP, server, 5000, 7, nil)
	lastHop[8] = 1
	lastHop.FillChecksum()

	in := newLoop(
		fromGuest(udp(guestIP, server, 5000, 7, make([]byte, 1000))), fromGuest(late), fromGuest(early),
		fromGuest(udp(guestIP, narrow, 5000, 7, make([]byte, 1400))), fromGuest(lastHop),
		fromGuest(udp(guestIP, wire.IP4{198, 51, 100, 10}, 5000, 7, nil)),
		fromGuest(udp(wire.IP4{10, 1, 1, 1}, server, 5000, 7, nil)),
	)
	out := newLoop(ether(nicMAC, hopMAC, wire.TypeIPv4, back), ether(nicMAC, hopMAC, wire.TypeIPv4, lateBack),
		ether(nicMAC, hopMAC, wire.TypeIPv4, earlyBack), ether(nicMAC, hopMAC, wire.TypeIPv4, udp(server, outside, 9, 9, nil)))
	b.do(func(w *dataplane.Worker) {
		w.AddPort(4, bridgeID, "in", in)
		w.AddPort(5, dataplane.NoBridge, "out", out)
	})
	hop.Port = 5 // memport copies what it sends
	b.answer(narrow, hop)
	hop.MTU = 1500
	b.answer(server, hop)
	const rounds = 2000
	b.rounds(in, out, 100) // maps and lists grow to their size
	in.sent, out.sent = 0, 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.rounds(in, out, rounds)
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > rounds/4 { // those of looking whether it is done
		t.Errorf("%d allocations in %d rounds", n, rounds)
	}
	// Out: whole, three of the packet that is cut; in: whole. Fragments that wait
	// are more than there is memory for at this pace, but for 512 of them.
	if out.sent < 4*rounds+2*512 || in.sent < rounds+2*512 {
		t.Errorf("%d frames were sent out and %d in: not what the test is about", out.sent, in.sent)
	}
}

// rounds has both ports receive that often.
func (b *bed) rounds(in, out *loop, n int) {
	b.t.Helper()
	b.do(func(*dataplane.Worker) { in.rounds, out.rounds = n, n })
	for left := n; left > 0; time.Sleep(10 * time.Millisecond) {
		b.do(func(*dataplane.Worker) { left = in.rounds + out.rounds })
	}
}
