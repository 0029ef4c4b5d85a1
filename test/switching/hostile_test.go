package switching

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What is shorter than an Ethernet header cannot leave a guest's card at all: a
// tap and a packet socket refuse it. The shortest frames that can, pass
// unharmed; the longest are dropped where they do not fit.
func TestShortestAndLongest(t *testing.T) {
	b := newBed(t, "")
	one, two := b.guest(plug{tap: true}), b.guest(plug{})
	in := two.station(t)
	for n := range 14 {
		if _, err := one.wire.Write(append(vnet{}.bytes(), make([]byte, n)...)); !errors.Is(err, unix.EINVAL) {
			t.Errorf("the kernel takes a runt of %d bytes: %v", n, err)
		}
	}
	for n := 14; n < 60; n++ {
		one.inject(t, vnet{}, ether(two.mac, mac(1), experimental, n))
	}
	if n := len(in.collect(46, typ(experimental))); n != 46 {
		t.Errorf("%d of 46 short frames arrived", n)
	}
	lengths := []int{1519, 2000, 9014, 20000, 65535}
	for _, n := range lengths {
		one.inject(t, vnet{}, ether(two.mac, mac(1), experimental, n))
	}
	b.wantDrops(two.port, "too-big", uint64(len(lengths)))
	if n := len(in.collect(0, typ(experimental))); n != 0 {
		t.Errorf("%d giants arrived", n)
	}
	b.alive(two)
}

// inject puts a frame on the port's wire as QEMU would.
func (g *guest) inject(t *testing.T, v vnet, data []byte) {
	t.Helper()
	if _, err := g.wire.Write(append(v.bytes(), data...)); err != nil {
		t.Fatalf("the kernel refuses a frame of %d bytes with %+v: %v", len(data), v, err)
	}
}

// Vnet headers that lie: some are refused by the kernel of the guest's side; of
// the others each is either carried by a port that can, or dropped by name where
// it arrived, and none disturbs the next frame.
func TestLyingVnetHeaders(t *testing.T) {
	b := newBed(t, "")
	one, two, three := b.guest(plug{tap: true}), b.guest(plug{}), b.guest(plug{tap: true, off: true})
	from := b.guest(plug{}).station(t)
	p := packet{src: mac(1), payload: payload(3000)}
	refused, taken := 0, 0
	for _, to := range []*guest{two, three} {
		p.dst = to.mac
		_, data := p.unfinished(t, 1000)
		for _, v := range lies(len(data)) {
			for _, send := range []func() error{
				func() error { _, err := one.wire.Write(append(v.bytes(), data...)); return err },
				func() error { return from.try(v, data) },
			} {
				if send() != nil {
					refused++
				} else {
					taken++
				}
			}
		}
	}
	t.Logf("%d lies refused by the kernel, %d let through", refused, taken)
	if taken == 0 {
		t.Error("no lie got as far as ubridge: the test proves nothing")
	}
	b.settled(t, one.port, from.g.port)
	drops := b.d.Port(one.port).Drops["bad-offload"] + b.d.Port(from.g.port).Drops["bad-offload"]
	if info := b.d.Info("default"); drops == 0 && info.FastPath.Ports == 0 {
		t.Errorf("no lie was dropped as bad-offload") // the fast path passes them on, as the kernel's bridge does
	}
	for _, g := range []*guest{one, from.g} { // the worst they can do is to wedge their own port for a moment
		b.Eventually(10*time.Second, "an answer to "+g.port, func() error {
			_, err := g.ns.Try("ping", "-c", "1", "-W", "1", two.ip4)
			return err
		})
	}
	for _, to := range []*guest{two, three} {
		copyTCP(t, one, to, to.ip4)
		copyTCP(t, from.g, to, to.ip6)
		b.alive(to)
	}
}

// lies are headers that do not tell the truth about a TCP superframe of n bytes
// whose transport starts at 34.
func lies(n int) (list []vnet) {
	size := uint16(n)
	for _, gso := range []uint8{0, 2, gsoTCP4, gsoUDP, gsoTCP6, gsoUDPL4, 6, 0x7f, 0x80, 0x80 | gsoTCP4, 0xff} {
		for _, v := range []vnet{
			{}, {gsoSize: 1000}, {flags: needsCsum, csumStart: 34, csumOff: 16}, // no size, no checksum
			{flags: needsCsum, csumStart: 34, csumOff: 6, gsoSize: 1000},
			{flags: needsCsum, csumStart: 0, csumOff: 0, gsoSize: 1000},
			{flags: needsCsum, csumStart: 12, csumOff: 0, gsoSize: 1000},
			{flags: needsCsum, csumStart: 14, csumOff: 16, gsoSize: 1},
			{flags: needsCsum, csumStart: size - 2, csumOff: 0, gsoSize: 1000},
			{flags: needsCsum, csumStart: size, csumOff: 16, gsoSize: 1000},
			{flags: needsCsum, csumStart: 65535, csumOff: 65535, gsoSize: 1000},
			{flags: needsCsum, csumStart: 34, csumOff: 65535, gsoSize: 1000},
			{flags: needsCsum, csumStart: 34, csumOff: 16, gsoSize: 1},
			{flags: needsCsum, csumStart: 34, csumOff: 16, gsoSize: 65535},
			{flags: needsCsum, csumStart: 34, csumOff: 16, gsoSize: 1000, hdrLen: 65535},
			{flags: needsCsum, csumStart: 34, csumOff: 16, gsoSize: 1000, hdrLen: size},
			{flags: needsCsum, csumStart: 34, csumOff: 16, gsoSize: 1000, hdrLen: 1},
			{flags: 0xff, csumStart: 34, csumOff: 16, gsoSize: 1000, hdrLen: 54},
		} {
			v.gso = gso
			list = append(list, v)
		}
	}
	return list
}

// settled waits until the ports' counters stand still.
func (b *bed) settled(t *testing.T, ports ...string) {
	t.Helper()
	last := ""
	b.Eventually(settleTime, "ports at rest", func() error {
		now := ""
		for _, name := range ports {
			p := b.d.Port(name)
			now += fmt.Sprint(p.RxFrames, p.TxFrames, p.Drops, " ")
		}
		if now == last {
			return nil
		}
		last = now
		return fmt.Errorf("counters %s", now)
	})
}

// UFO, which old guests' virtio cards still send, wedges the ring of a packet
// socket (see afpacket's Stuck). The port is opened anew by itself, again and
// again, keeps its counters, and no other port notices.
func TestUFODoesNotEndAPort(t *testing.T) {
	b := newBed(t, "")
	one, two, three := b.guest(plug{tap: true}), b.guest(plug{}), b.guest(plug{})
	p := packet{dst: two.mac, src: mac(1), udp: true, payload: payload(4000)}
	v, data := p.unfinished(t, 1480)
	v.gso = gsoUDP
	last := uint64(0)
	for range 3 {
		one.inject(t, v, data)
		if _, err := three.ns.Try("ping", "-c", "1", "-W", "5", two.ip4); err != nil {
			t.Errorf("another port: %v", err)
		}
		b.Eventually(10*time.Second, "the port to work again", func() error {
			_, err := one.ns.Try("ping", "-c", "1", "-W", "1", two.ip4)
			return err
		})
		now := b.d.Port(one.port)
		if now.Drops["ring-full"] == 0 || now.RxFrames <= last {
			t.Errorf("counters %+v, %d frames before", now, last)
		}
		last = now.RxFrames
	}
}
