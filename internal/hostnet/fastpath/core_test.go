package fastpath

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"ubridge/dataplane/memport"
	"ubridge/internal/wire"
)

// TestTheKernelDoesWhatTheCoreDoes with random and malformed frames: whatever the
// programs send on, the core sends out of the same port and no other, with the same
// bytes. The rest they leave to it.
func TestTheKernelDoesWhatTheCoreDoes(t *testing.T) {
	b := newCoreBed(t)
	frames := 40000
	if testing.Short() {
		frames = 10000
	}
	var acts [toNobody + 1]int
	b.ns.Must(func() error {
		if err := b.enter(); err != nil {
			return err
		}
		g := generator{r: rand.New(rand.NewPCG(7, 7))}
		for i := range frames {
			from, f := g.frame()
			act, err := b.compare(&g, from, f)
			if err != nil {
				return fmt.Errorf("frame %d on port %d, gso %d, %d bytes, % x: %w", i, from, f.Offload.GSOSize, len(f.Data), head(f.Data), err)
			}
			acts[act]++
		}
		return nil
	})
	t.Logf("to user, port, stack, host, outside, guest, nobody: %d", acts)
	for act, n := range acts[:toNobody] { // nobody is held here
		if n < frames/200 {
			t.Errorf("act %d: %d of %d frames only", act, n, frames)
		}
	}
}

// acts, as in maps.h.
const (
	toUser = iota
	toPort
	toStack
	toHost
	toOutside
	toGuest
	toNobody
)

// compare has both decide one frame.
func (b *coreBed) compare(g *generator, from int, f memport.Frame) (act uint8, err error) {
	d, err := b.decide(from, f.Data, f.Offload.GSOSize)
	if err != nil {
		return 0, err
	}
	sent, err := b.forward(from, f)
	if err != nil {
		return 0, err
	}
	g.note(sent[uplinkPort])
	if d.port == 0 {
		if d.act != 0 || !bytes.Equal(d.data, f.Data) {
			return 0, fmt.Errorf("not taken, but act %d, data % x", d.act, d.data)
		}
		return 0, nil
	}
	for i, list := range sent {
		want := 0
		if i == d.port {
			want = 1
		}
		if len(list) != want {
			return 0, fmt.Errorf("act %d sends it out of port %d; the core sent %d frames out of port %d", d.act, d.port, len(list), i)
		}
	}
	if got := sent[d.port][0].Data; !bytes.Equal(d.data, got) {
		return 0, fmt.Errorf("act %d made %d bytes, % x, the core %d, % x", d.act, len(d.data), head(d.data), len(got), head(got))
	}
	return d.act, nil
}

// head is as much of a frame as is worth reading.
func head(data []byte) []byte { return data[:min(len(data), 64)] }

// flow is one that the core has sent a packet of outside.
type flow struct {
	proto         byte
	remote        wire.IP4
	outside, port uint16
}

// generator makes frames of which most are plausible.
type generator struct {
	r     *rand.Rand
	flows []flow
}

func (g *generator) one(in int) bool { return g.r.IntN(in) == 0 }

func pick[T any](g *generator, from ...T) T { return from[g.r.IntN(len(from))] }

// note remembers which flows there are, the latest.
func (g *generator) note(sent []memport.Frame) {
	for _, f := range sent {
		ip := wire.IPv4(f.Data[wire.EthernetLen:])
		if len(ip) < ip.HeaderLen()+wire.UDPLen || ip.IsFragment() {
			continue
		}
		l4 := ip.Payload()
		n := flow{proto: ip.Proto(), remote: ip.Dst(), outside: binary.BigEndian.Uint16(l4), port: binary.BigEndian.Uint16(l4[2:])}
		if n.proto == wire.ProtoICMP {
			n.outside, n.port = binary.BigEndian.Uint16(l4[4:]), 0
		}
		if g.flows = append(g.flows, n); len(g.flows) > 64 {
			g.flows = g.flows[1:]
		}
	}
}

func (g *generator) frame() (from int, f memport.Frame) {
	switch n := g.r.IntN(22); {
	case n < 7:
		from = 1 + g.r.IntN(numGuests)
		f.Data = g.ether(g.destination(), g.source(from), g.anything(from))
	case n < 12:
		from = 1 + g.r.IntN(numGuests)
		f.Data = g.ether(station, g.source(from), g.toOutside(from))
	case n < 14:
		from = hostPort
		f.Data = g.ether(vmMAC(1+g.r.IntN(numGuests)), pick(g, station, station, station, vmMAC(1)), g.fromHost())
	case n < 18:
		from = sharedGuest + g.r.IntN(nicPort-sharedGuest+1)
		f.Data = g.onLAN(from)
	default:
		from = uplinkPort
		f.Data = g.ether(nic, nextHop, g.fromOutside())
	}
	if (from <= numGuests || from >= sharedGuest) && !g.one(3) {
		g.superframe(&f)
	}
	return from, f
}

// onLAN is a frame of the second network. What comes in by the NIC for the host is none:
// it is for the uplink.
func (g *generator) onLAN(from int) []byte {
	src := vmMAC(from)
	switch from {
	case helperPort:
		src = pick(g, nic, nic, nic, vmMAC(99))
	case nicPort:
		src = pick(g, vmMAC(100), vmMAC(101), vmMAC(sharedGuest))
	}
	if g.one(10) {
		src = pick(g, nic, vmMAC(100), vmMAC(sharedGuest), vmMAC(sharedGuest+1))
	}
	dst := pick(g, vmMAC(sharedGuest), vmMAC(sharedGuest+1), vmMAC(100), vmMAC(101), vmMAC(99), nic, nic)
	if g.one(8) || from == nicPort && dst == nic {
		dst = pick(g, wire.Broadcast, vmMAC(102), wire.STPGroup)
	}
	return g.ether(dst, src, g.anything(1+g.r.IntN(numGuests)))
}

// superframe makes a guest's frame for another guest one that is to be segmented.
func (g *generator) superframe(f *memport.Frame) {
	e := wire.Ethernet(f.Data)
	if e.Dst() == station || !isTCP(f.Data) {
		return
	}
	f.Data = append(f.Data[:min(len(f.Data), 200)], make([]byte, 500+g.r.IntN(2000))...)
	f.Offload = superframe(pick(g, uint16(100), 1400, 1440, 1460, 1461, 1500, 9000))
}

func (g *generator) destination() wire.MAC {
	if g.one(4) {
		return pick(g, wire.MAC{}, wire.Broadcast, wire.MAC{1, 0, 0x5e, 0, 0, 1}, wire.MAC{2, 9, 9, 9, 9, 9}, wire.STPGroup)
	}
	return pick(g, vmMAC(1), vmMAC(2), vmMAC(3), vmMAC(4), station)
}

func (g *generator) source(port int) wire.MAC {
	if g.one(12) {
		return pick(g, wire.MAC{}, wire.Broadcast, station, vmMAC(1+g.r.IntN(numGuests)), wire.MAC{2, 8, 8, 8, 8, byte(g.r.IntN(9))})
	}
	return vmMAC(port)
}

// ether wraps a packet of a type, now and then with a tag, padded or cut.
func (g *generator) ether(dst, src wire.MAC, p packet4) []byte {
	b := append(append(dst[:6:6], src[:]...), byte(p.typ>>8), byte(p.typ))
	if g.one(12) {
		tag := []byte{0x81, 0, byte(g.r.Uint32()), pick(g, byte(0), 5)}
		b = append(b[:12:12], append(tag, b[12:]...)...)
	}
	b = append(b, p.data...)
	switch {
	case g.one(15):
		b = append(b, make([]byte, 1+g.r.IntN(20))...)
	case g.one(20):
		b = b[:14+g.r.IntN(len(b)-13)]
	case g.one(20):
		b[14+g.r.IntN(len(b)-14)] ^= 1 << g.r.IntN(8)
	}
	return b
}
