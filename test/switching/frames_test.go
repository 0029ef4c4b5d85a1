package switching

import (
	"bytes"
	"fmt"
	"testing"
)

// wires are the ways in which two stations may be plugged in for tests that look
// at single frames.
var wires = [][2]plug{{{}, {}}, {{tap: true}, {}}, {{}, {tap: true}}}

// Ordinary frames of every length arrive as they were sent, tagged or not, both
// ways.
func TestFramesArriveUnchanged(t *testing.T) {
	for _, w := range wires {
		t.Run(fmt.Sprintf("%v,%v", w[0], w[1]), func(t *testing.T) {
			b := newBed(t, "")
			one, two := b.guest(w[0]).station(t), b.guest(w[1]).station(t)
			tags := map[string][]byte{
				"untagged": nil, "vlan": {0x81, 0, 0x60, 42}, "priority": {0x81, 0, 0xe0, 0}, "highest": {0x81, 0, 0x0f, 0xfe},
				"two": {0x88, 0xa8, 0, 7, 0x81, 0, 0, 42}, "two of the same": {0x81, 0, 0, 7, 0x81, 0, 0, 42},
			}
			for _, d := range [][2]*station{{one, two}, {two, one}} {
				for name, tag := range tags {
					for _, n := range []int{60, 61, 600, 1514} {
						want := ether(mac(2), mac(1), experimental, n, tag...)
						d[0].send(want)
						got := d[1].collect(1, typ(experimental))
						if len(got) != 1 || !bytes.Equal(got[0].data, want) {
							t.Errorf("%s, %d bytes from %s: %d arrived, or another: %x", name, n, d[0].g.port, len(got), got)
						}
					}
				}
			}
		})
	}
}

// Unfinished checksums and superframes cross with their tags, whole or in
// segments that say the same.
func TestOffloadsCross(t *testing.T) {
	for _, w := range append(wires, [2]plug{{}, {off: true}}, [2]plug{{tap: true}, {tap: true, off: true}}) {
		t.Run(fmt.Sprintf("%v,%v", w[0], w[1]), func(t *testing.T) {
			b := newBed(t, "")
			one, two := b.guest(w[0]).station(t), b.guest(w[1]).station(t)
			for _, tags := range [][]uint16{nil, {42}, {7, 42}} {
				for _, v6 := range []bool{false, true} {
					for _, udp := range []bool{false, true} {
						p := packet{dst: mac(2), src: mac(1), tags: tags, v6: v6, udp: udp}
						name := fmt.Sprintf("tags %v v6 %v udp %v", tags, v6, udp)
						t.Run(name+" csum", func(t *testing.T) { p.cross(t, one, two, 1000, 0) })
						t.Run(name+" gso", func(t *testing.T) {
							if n := p.cross(t, one, two, 20003, 1400); !w[1].off && n != 1 {
								t.Errorf("%d frames arrived, want the superframe whole", n)
							}
						})
					}
				}
			}
			for _, s := range []*station{one, two} {
				if drops := b.d.Port(s.g.port).Drops; len(drops) > 0 {
					t.Errorf("%s dropped %v", s.g.port, drops)
				}
			}
		})
	}
}

// cross sends the packet with n bytes of payload, in segments of size, and puts
// together what arrives: so many frames.
func (p packet) cross(t *testing.T, from, to *station, n, size int) (frames int) {
	p.payload = payload(n)
	v, data := p.unfinished(t, size)
	if err := from.try(v, data); err != nil {
		t.Fatal(err)
	}
	proto := uint16(0x0800)
	if p.v6 {
		proto = 0x86dd
	}
	missing, next := n, 0
	for missing > 0 {
		got := to.collect(1, func(f seen) bool { return typ(proto)(f) && bytes.Equal(f.data[6:12], p.src) })
		if len(got) == 0 {
			t.Fatalf("%d of %d bytes have not arrived", missing, n)
		}
		frames += len(got)
		for _, f := range got {
			at, data := p.check(t, f)
			if f.vnet.gso == 0 && size > 0 && len(data) > size {
				t.Errorf("a segment of %d bytes, want at most %d", len(data), size)
			}
			if f.vnet.gso != 0 && (f.vnet.gso != v.gso || f.vnet.gsoSize != v.gsoSize) {
				t.Errorf("superframe of kind %d in %d bytes, want %d in %d", f.vnet.gso, f.vnet.gsoSize, v.gso, v.gsoSize)
			}
			if p.udp { // datagrams carry no place: they come in order
				at = next
			}
			if at < 0 || at+len(data) > n || !bytes.Equal(data, p.payload[at:at+len(data)]) {
				t.Fatalf("%d bytes that belong at %d differ", len(data), at)
			}
			missing, next = missing-len(data), next+len(data)
		}
	}
	if missing < 0 {
		t.Errorf("%d bytes too many", -missing)
	}
	return frames
}
