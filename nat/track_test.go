package nat

import (
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

const (
	flagSyn    = wire.TCPSyn
	flagSynAck = wire.TCPSyn | wire.TCPAck
	flagAck    = wire.TCPAck
	flagFin    = wire.TCPFin | wire.TCPAck
	flagRst    = wire.TCPRst
)

// step is one segment: flags, from which side, and the state it leads to.
type step struct {
	from  side
	flags byte
	want  ConnState
}

var opened = []step{
	{fromInside, flagSyn, SynSent},
	{fromOutside, flagSynAck, SynRecv},
	{fromInside, flagAck, Established},
}

func TestTCPStates(t *testing.T) {
	after := func(more ...step) []step { return append(append([]step{}, opened...), more...) }
	cases := []struct {
		name  string
		steps []step
	}{
		{"guest closes first", after(
			step{fromInside, flagFin, FinWait}, step{fromOutside, flagAck, CloseWait},
			step{fromOutside, flagFin, LastAck}, step{fromInside, flagAck, TimeWait})},
		{"remote closes first", after(
			step{fromOutside, flagFin, FinWait}, step{fromInside, flagAck, CloseWait},
			step{fromInside, flagFin, LastAck}, step{fromOutside, flagAck, TimeWait})},
		{"both close at once", after(
			step{fromInside, flagFin, FinWait}, step{fromOutside, flagFin, LastAck},
			step{fromInside, flagAck, TimeWait})},
		{"FIN sent again is one side's", after(
			step{fromInside, flagFin, FinWait}, step{fromInside, flagFin, FinWait},
			step{fromInside, flagAck, FinWait}, step{fromOutside, flagAck, CloseWait},
			step{fromInside, flagFin, CloseWait})},
		{"port used again after TIME-WAIT", after(
			step{fromInside, flagFin, FinWait}, step{fromOutside, flagFin, LastAck},
			step{fromInside, flagAck, TimeWait}, step{fromInside, flagSyn, SynSent},
			step{fromOutside, flagSynAck, SynRecv}, step{fromInside, flagAck, Established},
			step{fromInside, flagFin, FinWait})},
		{"RST in TIME-WAIT shortens nothing", after(
			step{fromInside, flagFin, FinWait}, step{fromOutside, flagFin, LastAck},
			step{fromInside, flagAck, TimeWait}, step{fromOutside, flagRst, TimeWait})},
		{"connection refused, tried again", []step{
			{fromInside, flagSyn, SynSent}, {fromOutside, flagRst | wire.TCPAck, Closed},
			{fromInside, flagSyn, SynSent}, {fromOutside, flagSynAck, SynRecv}}},
		{"both open at once", []step{
			{fromInside, flagSyn, SynSent}, {fromOutside, flagSyn, SynRecv},
			{fromInside, flagSynAck, SynRecv}, {fromOutside, flagAck, Established}}},
		{"guest alone cannot establish", []step{
			{fromInside, flagSyn, SynSent}, {fromInside, flagSynAck, SynSent}, {fromInside, flagAck, SynSent}}},
		{"picked up in mid-stream", []step{
			{fromInside, flagAck, PickedUp}, {fromInside, flagAck, PickedUp}, {fromOutside, flagAck, Established}}},
		{"forged RST is taken back", after(
			step{fromOutside, flagRst, Closed}, step{fromOutside, flagAck, Closed},
			step{fromInside, flagAck, PickedUp}, step{fromOutside, flagAck, Established})},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tab := newTable(t)
			var out []byte
			for i, s := range c.steps {
				if s.from == fromInside {
					out = mustOut(t, tab, 1, tcp(alice, 5000, server, 80, s.flags))
				} else {
					wantIn(t, tab, 1, reply(out, s.flags), frame.Forwarded)
				}
				if got := stateOf(t, tab, 1); got != s.want {
					t.Fatalf("step %d: %v, want %v", i, got, s.want)
				}
			}
		})
	}
}

// Timeouts are the kernel's; a session is alive in the second before its time
// and gone in the next, swept or not.
func TestTimeouts(t *testing.T) {
	fins := append(append([]step{}, opened...), step{fromInside, flagFin, FinWait})
	cases := []struct {
		steps []step
		after Time
	}{
		{opened[:1], 120},
		{opened[:2], 60},
		{opened, 432000},
		{fins, 120},
		{append(fins[:4:4], step{fromOutside, flagAck, CloseWait}), 60},
		{append(fins[:4:4], step{fromOutside, flagFin, LastAck}), 30},
		{append(fins[:4:4], step{fromOutside, flagFin, LastAck}, step{fromInside, flagAck, TimeWait}), 120},
		{append(opened[:3:3], step{fromOutside, flagRst, Closed}), 10},
		{[]step{{fromInside, flagAck, PickedUp}}, 300},
	}
	for _, c := range cases {
		name := c.steps[len(c.steps)-1].want.String()
		t.Run(name, func(t *testing.T) {
			var out []byte
			run := func() *Table {
				tab := newTable(t)
				for _, s := range c.steps {
					if s.from == fromInside {
						out = mustOut(t, tab, 1000, tcp(alice, 5000, server, 80, s.flags))
					} else {
						wantIn(t, tab, 1000, reply(out, s.flags), frame.Forwarded)
					}
				}
				return tab
			}
			wantIn(t, run(), 1000+c.after-1, reply(out, flagAck), frame.Forwarded)
			wantIn(t, run(), 1000+c.after, reply(out, flagAck), frame.Filtered)
			tab := run()
			tab.Expire(1000+c.after-1, all)
			if tab.Stats().Sessions != 1 {
				t.Error("swept too early")
			}
			tab.Expire(1000+c.after, all)
			if s := tab.Stats(); s.Sessions != 0 || s.Mappings != 1 {
				t.Errorf("after its time: %+v", s)
			}
			tab.Expire(1000+c.after+30, all)
			if s := tab.Stats(); s.Mappings != 0 || s.Guests != 0 {
				t.Errorf("after the quarantine: %+v", s)
			}
		})
	}
}

func TestClosedSessionsAreNotRenewed(t *testing.T) {
	tab := newTable(t)
	out := mustOut(t, tab, 1, tcp(alice, 5000, server, 80, flagSyn))
	wantIn(t, tab, 1, reply(out, flagRst), frame.Forwarded)
	wantIn(t, tab, 8, reply(out, flagRst), frame.Forwarded)
	wantIn(t, tab, 11, reply(out, flagRst), frame.Filtered)
}

func TestUDPStreamBeginsAfterTwoSeconds(t *testing.T) {
	tab := newTable(t)
	out := mustOut(t, tab, 10, udp(alice, 5000, server, 53))
	wantIn(t, tab, 10, reply(out, 0), frame.Forwarded)
	if s := stateOf(t, tab, 10); s != UDPReplied {
		t.Fatalf("answered at once: %v", s)
	}
	mustOut(t, tab, 13, udp(alice, 5000, server, 53))
	if s := stateOf(t, tab, 13); s != UDPStream {
		t.Fatalf("going on: %v", s)
	}
	wantIn(t, tab, 13+119, reply(out, 0), frame.Forwarded)
	wantIn(t, tab, 13+119+120, reply(out, 0), frame.Filtered)
}

// RFC 4787 REQ-5: a UDP mapping stays two minutes, though the kernel's session
// of one datagram is over in thirty seconds.
func TestUDPMappingOutlivesItsSession(t *testing.T) {
	tab := newTable(t)
	out := mustOut(t, tab, 10, udp(alice, 5000, server, 53))
	wantIn(t, tab, 10+30, reply(out, 0), frame.Filtered)
	if again := mustOut(t, tab, 10+119, udp(alice, 5000, third, 53)); outsidePort(again) != outsidePort(out) {
		t.Error("another port within two minutes")
	}
}

// Neither errors nor refused packets keep a session alive.
func TestErrorsRenewNothing(t *testing.T) {
	tab := newTable(t)
	out := mustOut(t, tab, 10, udp(alice, 5000, server, 53))
	wantIn(t, tab, 39, icmpError(third, host, wire.ICMPUnreachable, out[:28]), frame.Forwarded)
	wantIn(t, tab, 40, reply(out, 0), frame.Filtered)
}
