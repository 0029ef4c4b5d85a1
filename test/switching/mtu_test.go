package switching

import (
	"bytes"
	"testing"
)

// Ports of MTU 9000 carry packets of 9000 bytes, tagged ones too.
func TestJumboFrames(t *testing.T) {
	for _, w := range [][2]plug{{{mtu: 9000}, {mtu: 9000}}, {{tap: true, mtu: 9000}, {off: true, mtu: 9000}}} {
		b := newBed(t, "mtu = 9000\n")
		one, two := b.guest(w[0]), b.guest(w[1])
		for _, g := range []struct{ from, to *guest }{{one, two}, {two, one}} {
			g.from.ns.Run("ping", "-c", "3", "-i", "0.05", "-W", "5", "-M", "do", "-s", "8972", g.to.ip4)
			g.from.ns.Run("ping", "-6", "-c", "3", "-i", "0.05", "-W", "5", "-M", "do", "-s", "8952", g.to.ip6)
			copyTCP(t, g.from, g.to, g.to.ip4)
		}
		want := ether(mac(2), mac(1), experimental, 9018, 0x81, 0, 0, 42)
		s := two.station(t)
		one.station(t).send(want)
		if got := s.collect(1, typ(experimental)); len(got) != 1 || !bytes.Equal(got[0].data, want) {
			t.Errorf("a tagged frame of 9018 bytes arrived %d times", len(got))
		}
	}
}

// Between ports of different MTU, what the smaller one takes passes and what it
// does not is dropped there under a name, superframes by the size of their
// segments.
func TestMixedMTU(t *testing.T) {
	b := newBed(t, "")
	big, small := b.guest(plug{mtu: 9000}), b.guest(plug{})
	copyTCP(t, big, small, small.ip4)
	copyTCP(t, small, big, big.ip6)
	drops := b.d.Port(small.port).Drops
	delete(drops, "ring-full") // on a busy machine
	if len(drops) > 0 {
		t.Errorf("TCP agrees on the smaller MTU, but %v was dropped", drops)
	}
	from, to := big.station(t), small.station(t)
	from.send(ether(small.mac, mac(1), experimental, 1518, 0x81, 0, 0, 42), ether(small.mac, mac(1), experimental, 1514))
	if n := len(to.collect(2, typ(experimental))); n != 2 {
		t.Errorf("%d of 2 frames of the MTU arrived", n)
	}
	from.send(ether(small.mac, mac(1), experimental, 1519), ether(small.mac, mac(1), experimental, 9014))
	p := packet{dst: small.mac, src: mac(1), payload: payload(20000)}
	for _, size := range []int{1461 + 4, 8000} { // segments of one byte too many, tag's room included; of far too many
		v, data := p.unfinished(t, size)
		if err := from.try(v, data); err != nil {
			t.Fatal(err)
		}
	}
	b.wantDrops(small.port, "too-big", 4)
	v, data := p.unfinished(t, 1460)
	if err := from.try(v, data); err != nil {
		t.Fatal(err)
	}
	ours := func(f seen) bool { return typ(0x0800)(f) && bytes.Equal(f.data[6:12], p.src) } // the last of TCP may come yet
	if n := len(to.collect(1, ours)); n != 1 {
		t.Errorf("a superframe whose segments fit arrived %d times", n)
	}
}
