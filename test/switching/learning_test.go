package switching

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// Three ports: broadcast reaches each other port exactly once and never comes
// back; unknown unicast likewise; known unicast reaches one.
func TestFloodAndLearn(t *testing.T) {
	b := newBed(t, "")
	var s [3]*station
	for i := range s {
		s[i] = b.guest(plug{tap: i == 1}).station(t)
	}
	arrived := func(what string, want ...int) {
		t.Helper()
		for i := range s {
			if n := len(s[i].collect(want[i], typ(experimental))); n != want[i] {
				t.Errorf("%s: %d frames at %s, want %d", what, n, s[i].g.port, want[i])
			}
		}
	}
	for _, tt := range []struct {
		name  string
		frame []byte
	}{
		{"broadcast", ether(broadcast, mac(1), experimental, 60)},
		{"multicast", ether([]byte{1, 0, 0x5e, 0, 0, 0xfb}, mac(1), experimental, 60)},
		{"unknown", ether(mac(99), mac(1), experimental, 60)},
	} {
		s[0].send(tt.frame)
		arrived(tt.name, 0, 1, 1)
	}
	s[2].send(ether(mac(1), mac(3), experimental, 60)) // mac(3) is learned
	arrived("known unicast", 1, 0, 0)
	s[0].send(ether(mac(3), mac(1), experimental, 60))
	arrived("its answer", 0, 0, 1)
	s[0].send(ether(mac(1), mac(2), experimental, 60)) // behind the same port
	arrived("a frame to its own port", 0, 0, 0)
	b.wantDrops(s[0].g.port, "same-port", 1)
	fdb := b.stations()
	for addr, port := range map[string]string{mac(1).String(): "port1", mac(2).String(): "port1", mac(3).String(): "port3"} {
		if fdb[addr].Port != port || fdb[addr].Age > 60 {
			t.Errorf("%s is %+v, want on %s and young", addr, fdb[addr], port)
		}
	}
}

// A station that moves is found at its new port with its first frame.
func TestMove(t *testing.T) {
	b := newBed(t, "")
	one, two, three := b.guest(plug{}).station(t), b.guest(plug{}).station(t), b.guest(plug{}).station(t)
	for i, at := range []*station{one, two, one, two} {
		at.send(ether(broadcast, mac(1), experimental, 60))
		one.collect(0, typ(experimental))
		two.collect(0, typ(experimental))
		three.collect(1, typ(experimental))
		three.send(ether(mac(1), mac(3), experimental, 60))
		if n := len(at.collect(1, typ(experimental))); n != 1 {
			t.Errorf("after move %d the new place has %d frames, want 1", i, n)
		}
		other := two
		if at == two {
			other = one
		}
		if n := len(other.collect(0, typ(experimental))); n != 0 {
			t.Errorf("after move %d the old place has %d frames, want none", i, n)
		}
		if got := b.stations()[mac(1).String()].Port; got != at.g.port {
			t.Errorf("after move %d the fdb says %s, want %s", i, got, at.g.port)
		}
	}
}

// A station that moves and comes back within a second is found where it was
// heard last.
func TestMoveBackAtOnce(t *testing.T) {
	b := newBed(t, "")
	one, two := b.guest(plug{}).station(t), b.guest(plug{}).station(t)
	for range 5 {
		for _, way := range [][2]*station{{one, two}, {two, one}, {one, two}} {
			way[0].send(ether(broadcast, mac(1), experimental, 60))
			if !way[1].arrives(typ(experimental)) { // frames of two ports have no order but this
				t.Fatal("a broadcast does not arrive")
			}
		}
		b.Eventually(5*time.Second, "the station where it was heard last", func() error {
			if got := b.stations()[mac(1).String()].Port; got != one.g.port {
				return fmt.Errorf("on %q", got)
			}
			return nil
		})
	}
}

// Group, zero and the gateway's own address are never learned as a source;
// reserved destinations are not forwarded.
func TestWhatIsNotForwarded(t *testing.T) {
	b := newBed(t, "")
	one, two := b.guest(plug{}).station(t), b.guest(plug{}).station(t)
	own := mustMAC(b.Host.MAC("ubr0"))
	for _, tt := range []struct {
		drop string
		data []byte
	}{
		{"bad-source-mac", ether(broadcast, []byte{3, 0, 0, 0, 0, 1}, experimental, 60)},
		{"bad-source-mac", ether(broadcast, broadcast, experimental, 60)},
		{"bad-source-mac", ether(broadcast, make([]byte, 6), experimental, 60)},
		{"own-source", ether(broadcast, own, experimental, 60)},
		{"reserved", ether([]byte{1, 0x80, 0xc2, 0, 0, 0}, mac(1), experimental, 60)},
		{"reserved", ether([]byte{1, 0x80, 0xc2, 0, 0, 0x0e}, mac(1), experimental, 60)},
		{"reserved", ether([]byte{1, 0x80, 0xc2, 0, 0, 0x0f}, mac(1), experimental, 60)},
	} {
		before := b.d.Port(one.g.port).Drops[tt.drop]
		one.send(tt.data)
		if n := len(two.collect(0, typ(experimental))); n != 0 {
			t.Errorf("%x was forwarded", tt.data[:12])
		}
		b.wantDrops(one.g.port, tt.drop, before+1)
	}
	one.send(ether([]byte{1, 0x80, 0xc2, 0, 0, 0x10}, mac(1), experimental, 60)) // the first that is not reserved
	if n := len(two.collect(1, typ(experimental))); n != 1 {
		t.Errorf("01:80:c2:00:00:10 arrived %d times, want once", n)
	}
	for addr, s := range b.stations() {
		if addr == own.String() || addr == broadcast.String() || mustMAC(addr)[0]&1 != 0 {
			t.Errorf("learned %+v", s)
		}
	}
}

// Beyond the port's limit stations are not learned, and are served all the same.
func TestLearnLimit(t *testing.T) {
	b := newBed(t, "learn_limit = 8\n")
	one, two := b.guest(plug{}).station(t), b.guest(plug{}).station(t)
	const senders = 100
	for i := range senders {
		one.send(ether(broadcast, mac(i), experimental, 60))
	}
	if n := len(two.collect(senders, typ(experimental))); n != senders {
		t.Errorf("%d of %d frames forwarded", n, senders)
	}
	learned := 0
	for _, s := range b.stations() {
		if s.Port == one.g.port {
			learned++
		}
	}
	if learned != 8 {
		t.Errorf("%d stations learned, want 8", learned)
	}
	two.send(ether(mac(senders-1), mac(500), experimental, 60)) // one that was not learned: flooded
	if n := len(one.collect(1, typ(experimental))); n != 1 {
		t.Errorf("a station beyond the limit got %d frames, want 1", n)
	}
	if got := b.stations()[mac(500).String()].Port; got != two.g.port {
		t.Errorf("another port's station is on %q: one port's flood used up the others' room", got)
	}
}

// A station that is silent for the ageing time is forgotten, and found again by
// flooding; one that speaks stays.
func TestAgeing(t *testing.T) {
	b := newBed(t, "ageing = '10s'\n")
	one, two := b.guest(plug{}).station(t), b.guest(plug{}).station(t)
	one.send(ether(broadcast, mac(1), experimental, 60), ether(broadcast, mac(2), experimental, 60))
	two.collect(2, typ(experimental))
	start := time.Now()
	for _, n := range []int{1, 2} {
		if s := b.stations()[mac(n).String()]; s.Port != one.g.port {
			t.Fatalf("station %d: %+v", n, s)
		}
	}
	b.Eventually(40*time.Second, "the silent station is forgotten", func() error {
		one.send(ether(broadcast, mac(2), experimental, 60))
		fdb := b.stations()
		if _, ok := fdb[mac(2).String()]; !ok {
			t.Fatal("the station that speaks was forgotten")
		}
		if s, ok := fdb[mac(1).String()]; ok {
			return fmt.Errorf("age %v", s.Age)
		}
		return nil
	})
	if took := time.Since(start); took < 8*time.Second {
		t.Errorf("forgotten after %v, want 10 s", took)
	}
	two.collect(0, typ(experimental))
	data := ether(mac(1), mac(3), experimental, 60)
	two.send(data)
	got := one.collect(1, typ(experimental))
	if len(got) != 1 || !bytes.Equal(got[0].data, data) {
		t.Errorf("the forgotten station got %d frames, want it by flooding", len(got))
	}
}
