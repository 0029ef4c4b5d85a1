package nat

import (
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// fakeKernel is a Kernel that notes what it is told.
type fakeKernel struct {
	used     map[int]Time
	recalled []Offer
}

func (k *fakeKernel) Used(slot int) Time { return k.used[slot] }
func (k *fakeKernel) Recall(f *Offer)    { k.recalled = append(k.recalled, *f) }

// kernelBed is a table with a Kernel, and a guest's flow.
type kernelBed struct {
	*Table
	t *testing.T
	k *fakeKernel
}

func newKernelBed(t *testing.T) *kernelBed {
	b := &kernelBed{newTable(t), t, &fakeKernel{used: map[int]Time{}}}
	b.SetKernel(b.k)
	return b
}

// out sends a packet of alice's and gives the flow that it has offered, if it has.
func (b *kernelBed) out(now Time, k pkt) (f Offer, offered bool) {
	b.t.Helper()
	p := Packet{L3: k.bytes(), Outside: host, Guest: Guest{Network: 1, MAC: mac}}
	if r := b.Outbound(now, &p); r != frame.Forwarded {
		b.t.Fatalf("outbound: %v", r)
	}
	if p.Offered == 0 {
		return f, false
	}
	return b.Offer(p.Offered), true
}

func (b *kernelBed) in(now Time, k pkt) {
	b.t.Helper()
	p := Packet{L3: k.bytes()}
	if r := b.Inbound(now, &p); r != frame.Forwarded {
		b.t.Fatalf("inbound: %v", r)
	}
}

func udpOut() pkt { return pkt{src: alice, dst: server, proto: wire.ProtoUDP, sport: 61234, dport: 53} }
func udpIn() pkt  { return pkt{src: server, dst: host, proto: wire.ProtoUDP, sport: 53, dport: 61234} }
func tcpOut(flags byte) pkt {
	return pkt{src: alice, dst: server, proto: wire.ProtoTCP, sport: 61234, dport: 80, flags: flags}
}
func tcpIn(flags byte) pkt {
	return pkt{src: server, dst: host, proto: wire.ProtoTCP, sport: 80, dport: 61234, flags: flags}
}

// established opens a connection and sends until it is offered.
func (b *kernelBed) established() Offer {
	b.t.Helper()
	b.out(100, tcpOut(flagSyn))
	b.in(100, tcpIn(flagSynAck))
	for range offerAfter + 1 {
		if f, ok := b.out(100, tcpOut(flagAck)); ok {
			b.Taken(&f)
			return f
		}
	}
	b.t.Fatal("an established connection is not offered")
	return Offer{}
}

// TestShortFlowsAreNotOffered: a question and its answer never are.
func TestShortFlowsAreNotOffered(t *testing.T) {
	b := newKernelBed(t)
	for range offerAfter - 1 {
		if f, ok := b.out(100, udpOut()); ok {
			t.Fatalf("%+v is offered", f)
		}
	}
}

// TestOffers: a flow without an answer outward only, one with an answer both ways, and
// in between it is recalled; again only a second later.
func TestOffers(t *testing.T) {
	b := newKernelBed(t)
	var f Offer
	for ok := false; !ok; {
		f, ok = b.out(100, udpOut())
	}
	want := Offer{
		Slot: f.Slot, Network: 1, Proto: UDP, OutwardOnly: true, Inside: alice, Outside: host, Remote: server,
		InsidePort: 61234, OutsidePort: 61234, RemotePort: 53,
	}
	if f != want {
		t.Errorf("offered %+v, want %+v", f, want)
	}
	b.Taken(&f)
	if _, ok := b.out(100, udpOut()); ok {
		t.Error("offered twice in a second")
	}
	if _, ok := b.out(101, udpOut()); !ok {
		t.Error("not offered again a second later, though the Kernel does not do it")
	}
	b.in(101, udpIn())
	if len(b.k.recalled) != 1 || b.k.recalled[0].Slot != f.Slot {
		t.Errorf("with the first answer %+v was recalled", b.k.recalled)
	}
	if f, ok := b.out(101, udpOut()); !ok || f.OutwardOnly {
		t.Errorf("with an answer: %+v, %v", f, ok)
	}
}

// TestEndsAreRecalled: whatever ends a connection, or begins it anew, is the table's.
func TestEndsAreRecalled(t *testing.T) {
	for name, end := range map[string]func(*kernelBed){
		"FIN of the guest":  func(b *kernelBed) { b.out(101, tcpOut(flagFin)) },
		"FIN of the remote": func(b *kernelBed) { b.in(101, tcpIn(flagFin)) },
		"RST":               func(b *kernelBed) { b.in(101, tcpIn(flagRst)) },
		"flush":             func(b *kernelBed) { b.Flush(101, 1) },
		"lost address":      func(b *kernelBed) { b.DropOutside(101, host) },
		"another MAC": func(b *kernelBed) {
			p := Packet{L3: tcpOut(flagAck).bytes(), Outside: host, Guest: Guest{Network: 1, MAC: wire.MAC{2}}}
			b.Outbound(101, &p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newKernelBed(t)
			f := b.established()
			end(b)
			if len(b.k.recalled) != 1 || b.k.recalled[0].Slot != f.Slot {
				t.Errorf("recalled %+v, want slot %d", b.k.recalled, f.Slot)
			}
		})
	}
}

// TestTheKernelsUseCounts: a flow that only the Kernel has seen packets of does not end,
// and ends on time after the last.
func TestTheKernelsUseCounts(t *testing.T) {
	b := newKernelBed(t)
	var f Offer
	for ok := false; !ok; {
		b.in0(udpIn)
		f, ok = b.out(100, udpOut())
	}
	b.Taken(&f)
	b.k.used[f.Slot] = 190
	for now := Time(101); now < 190+120; now++ {
		if b.Expire(now, all); b.Stats().Sessions != 1 {
			t.Fatalf("ended at %d, used at 190", now)
		}
	}
	flows := make([]Flow, 1)
	if n, _ := b.Flows(200, Networks{All: true}, 0, flows); n != 1 || flows[0].State != UDPStream || flows[0].ExpiresIn != 110 {
		t.Errorf("flow %+v, want a stream that expires in 110 s", flows[0])
	}
	if b.Expire(190+120, all); b.Stats().Sessions != 0 || len(b.k.recalled) != 1 {
		t.Errorf("%d sessions, recalled %+v", b.Stats().Sessions, b.k.recalled)
	}
}

// in0 lets an answer in once there was a question.
func (b *kernelBed) in0(answer func() pkt) {
	if b.Stats().Sessions > 0 {
		b.in(100, answer())
	}
}

// TestCarriedTellsTheRemotes that only the Kernel uses.
func TestCarriedTellsTheRemotes(t *testing.T) {
	b := newKernelBed(t)
	f := b.established()
	carried := func(now Time) (list []wire.IP4) {
		b.Carried(now, 15, all, func(a wire.IP4) { list = append(list, a) })
		return list
	}
	b.k.used[f.Slot] = 110
	if got := carried(125); len(got) != 1 || got[0] != server {
		t.Errorf("carried %v", got)
	}
	if got := carried(126); len(got) != 0 {
		t.Errorf("long after: %v", got)
	}
}

// TestForsaken sessions go on in the table, with the time that the Kernel noted.
func TestForsaken(t *testing.T) {
	b := newKernelBed(t)
	f := b.established()
	b.k.used[f.Slot] = 150
	b.Forsake(160)
	if len(b.k.recalled) != 0 {
		t.Errorf("recalled %+v of a Kernel that has forgotten", b.k.recalled)
	}
	b.k.used[f.Slot] = 999999
	flows := make([]Flow, 1)
	b.Flows(160, Networks{All: true}, 0, flows)
	if want := uint32(5*24*3600 - 10); flows[0].ExpiresIn != want {
		t.Errorf("expires in %d s, want %d", flows[0].ExpiresIn, want)
	}
	if _, ok := b.out(161, tcpOut(flagAck)); !ok {
		t.Error("it is not offered again")
	}
}
