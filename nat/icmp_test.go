package nat

import (
	"bytes"
	"encoding/binary"
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// icmpError quotes a packet in an error message.
func icmpError(src, dst wire.IP4, typ byte, quoted []byte) pkt {
	return pkt{src: src, dst: dst, proto: wire.ProtoICMP, icmpType: typ, body: quoted}
}

// quotedRight recomputes the checksums of a whole quoted packet.
func quotedRight(t *testing.T, b []byte) {
	t.Helper()
	if err := sumsRight(b, nil); err != nil {
		t.Errorf("quoted packet: %v", err)
	}
}

func TestInboundErrors(t *testing.T) {
	flows := map[string]pkt{
		"tcp":  tcp(alice, 5000, server, 80, wire.TCPSyn),
		"udp":  udp(alice, 5000, server, 33434),
		"echo": echo(alice, 7, server),
	}
	for name, k := range flows {
		for _, typ := range []byte{wire.ICMPUnreachable, wire.ICMPTimeExceeded, wire.ICMPParamProblem} {
			for _, quote := range []int{28, 1000} {
				t.Run(name, func(t *testing.T) {
					tab := newTable(t)
					// Another guest first, so that alice's identifier changes.
					other := k
					other.src = bob
					mustOut(t, tab, 1, other)
					sent := k.bytes()
					out := mustOut(t, tab, 1, k)
					p := wantIn(t, tab, 1, icmpError(third, host, typ, out[:min(quote, len(out))]), frame.Forwarded)
					if p.Guest != (Guest{1, alice, mac}) || wire.IPv4(p.L3).Dst() != alice {
						t.Errorf("guest %+v", p.Guest)
					}
					// What the guest sees quoted is what it sent.
					if got := p.L3[28:]; !bytes.Equal(got, sent[:len(got)]) {
						t.Errorf("quoted\n% x, sent\n% x", got, sent)
					}
				})
			}
		}
	}
}

func TestInboundErrorsThatMatchNothing(t *testing.T) {
	tab := newTable(t)
	out := mustOut(t, tab, 1, udp(alice, 5000, server, 53))
	edit := func(f func(b []byte)) []byte { b := bytes.Clone(out); f(b); return b }
	cases := []struct {
		name   string
		quoted []byte
		want   frame.Reason
	}{
		{"other remote", edit(func(b []byte) { b[19]++ }), frame.Filtered},
		{"other remote port", edit(func(b []byte) { b[23]++ }), frame.Filtered},
		{"port that is not held", edit(func(b []byte) { binary.BigEndian.PutUint16(b[20:], 1) }), frame.NoMapping},
		{"quoted source is not the receiver", edit(func(b []byte) { b[15]++ }), frame.NoMapping},
		{"quotes a later fragment", edit(func(b []byte) { b[7] = 9 }), frame.NoMapping},
		{"quotes another protocol", edit(func(b []byte) { b[9] = 132 }), frame.NoMapping},
		{"quotes seven bytes", out[:27], frame.BadTransport},
		{"quotes no header", out[:12], frame.BadTransport},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wantIn(t, tab, 1, icmpError(third, host, wire.ICMPUnreachable, c.quoted), c.want)
		})
	}
}

func TestErrorEndsNoConnection(t *testing.T) {
	tab := newTable(t)
	out := mustOut(t, tab, 1, tcp(alice, 5000, server, 80, flagSyn))
	wantIn(t, tab, 1, icmpError(third, host, wire.ICMPUnreachable, out[:28]), frame.Forwarded)
	wantIn(t, tab, 1, reply(out, flagSynAck), frame.Forwarded)
}

func TestOutboundErrors(t *testing.T) {
	for name, k := range map[string]pkt{
		"tcp": tcp(alice, 5000, server, 80, wire.TCPSyn), "udp": udp(alice, 5000, server, 53), "echo": echo(alice, 7, server),
	} {
		t.Run(name, func(t *testing.T) {
			tab := newTable(t)
			other := k
			other.src = bob
			mustOut(t, tab, 1, other)
			out := mustOut(t, tab, 1, k)
			arrived := reply(out, flagAck).bytes()
			got := wantIn(t, tab, 1, reply(out, flagAck), frame.Forwarded)
			b := mustOut(t, tab, 1, icmpError(alice, server, wire.ICMPUnreachable, got.L3))
			if wire.IPv4(b).Src() != host {
				t.Errorf("source %v", wire.IPv4(b).Src())
			}
			quotedRight(t, b[28:])
			if !bytes.Equal(b[28:], arrived) {
				t.Errorf("quoted\n% x, arrived\n% x", b[28:], arrived)
			}
		})
	}
}

func TestOutboundErrorAboutNoFlow(t *testing.T) {
	tab := newTable(t)
	k := icmpError(alice, server, wire.ICMPUnreachable, udp(server, 53, alice, 5000).bytes())
	if r := tab.Outbound(1, outPacket(k.bytes(), nil)); r != frame.NoMapping {
		t.Errorf("%v", r)
	}
	if tab.Stats().Sessions != 0 {
		t.Error("an error opened a session")
	}
}
