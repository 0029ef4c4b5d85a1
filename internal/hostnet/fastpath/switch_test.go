package fastpath

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// TestKnownStationsNeedNoUserSpace: not one of their frames comes to the socket, and
// each is counted at both ports.
func TestKnownStationsNeedNoUserSpace(t *testing.T) {
	b := newBed(t)
	b.known(b.a, b.b)
	b.a.Run("ping -c 3 -i 0.2 -W 1 " + b.b.addr.String())
	for _, g := range []*guest{b.a, b.b} {
		if frames := g.got(); len(frames) != 0 {
			t.Errorf("%s: %d frames in user space, first % x", g.name, len(frames), frames[0])
		}
		want := Counters{RxFrames: 3, RxBytes: 3 * 98, TxFrames: 3, TxBytes: 3 * 98}
		if got := b.counters(g); got != want {
			t.Errorf("%s: %+v, want %+v", g.name, got, want)
		}
	}
}

// TestAgesAreNoted by the programs.
func TestAgesAreNoted(t *testing.T) {
	b := newBed(t)
	b.known(b.a, b.b)
	b.a.Run("ping -c 1 -W 1 " + b.b.addr.String())
	seen := 0
	if err := b.path.Stations(func(s Station) {
		if s.Seen > 0 {
			seen++
		}
	}); err != nil || seen != 2 {
		t.Errorf("%d stations were seen, %v", seen, err)
	}
}

// TestWhatIsNotPlainGoesToUserSpace once, and nowhere else.
func TestWhatIsNotPlainGoesToUserSpace(t *testing.T) {
	for _, c := range []struct {
		name string
		prep func(b *bed)
	}{
		{"unknown destination", func(b *bed) { b.known(b.a, b.b); check(t, b.path.Forget(network, b.b.mac)) }},
		{"unknown source", func(b *bed) { b.known(b.a, b.b); check(t, b.path.Forget(network, b.a.mac)) }},
		{"moved source", func(b *bed) {
			b.known(b.a, b.b)
			check(t, b.path.Learn(Station{Network: network, MAC: b.a.mac, Ifindex: b.b.ifindex}))
		}},
		{"another network's stations", func(b *bed) {
			b.known(b.a, b.b)
			check(t, b.path.Forget(network, b.b.mac))
			check(t, b.path.Learn(Station{Network: network + 1, MAC: b.b.mac, Ifindex: b.b.ifindex}))
		}},
		{"one group", func(b *bed) {
			for _, g := range []*guest{b.a, b.b} {
				check(t, b.path.SetPort(Port{Ifindex: g.ifindex, Network: network, Group: 1, Floor: 1500}))
			}
			b.known(b.a, b.b)
		}},
		{"a port that was removed", func(b *bed) { b.known(b.a, b.b); check(t, b.path.RemovePort(b.b.ifindex, Guest)) }},
		{"longer than a port takes", func(b *bed) {
			b.known(b.a, b.b)
			check(t, b.path.SetPort(Port{Ifindex: b.a.ifindex, Network: network, Floor: 83}))
		}},
		{"behind the same port", func(b *bed) {
			b.known(b.a, b.b)
			check(t, b.path.Learn(Station{Network: network, MAC: b.b.mac, Ifindex: b.a.ifindex}))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			c.prep(b)
			if out, err := b.a.Try("ping -c 2 -i 0.2 -W 0.3 " + b.b.addr.String()); err == nil {
				t.Errorf("answered: %s", out)
			}
			if n := len(b.a.got()); n != 2 {
				t.Errorf("%d frames came to user space, 2 were sent", n)
			}
			if n := b.counters(b.a).RxFrames; n != 0 {
				t.Errorf("%d frames were forwarded", n)
			}
		})
	}
}

// TestBroadcastGoesToUserSpace, which floods it.
func TestBroadcastGoesToUserSpace(t *testing.T) {
	b := newBed(t)
	b.known(b.a, b.b)
	b.a.Run("ip neigh del " + b.b.addr.String() + " dev eth0")
	b.a.Try("ping -c 1 -W 0.3 " + b.b.addr.String()) // asks by ARP, which nobody floods here
	if n := len(b.a.got()); n == 0 {
		t.Error("the question did not come to user space")
	}
}

// TestSuperframesPass as they are.
func TestSuperframesPass(t *testing.T) {
	b := newBed(t)
	b.known(b.a, b.b)
	size := 8 << 20
	transfer(t, b.a, b.b, size)
	for _, g := range []*guest{b.a, b.b} {
		if n := len(g.got()); n != 0 {
			t.Errorf("%s: %d frames came to user space", g.name, n)
		}
	}
	if c := b.counters(b.a); c.RxBytes < uint64(size) || c.RxFrames > uint64(size)/2000 {
		t.Errorf("%d MiB went in %d frames of %d bytes: no superframes", size>>20, c.RxFrames, c.RxBytes)
	}
}

// TestTheDeadAreFollowed: without a socket, as when the daemon was killed, the
// classifier forwards alone; the next path goes on with the maps.
func TestTheDeadAreFollowed(t *testing.T) {
	b := newBed(t)
	b.known(b.a, b.b)
	b.a.Run("ping -c 1 -W 1 " + b.b.addr.String())
	for _, g := range []*guest{b.a, b.b} {
		closeSocket(t, g)
	}
	b.host.Must(b.path.Close)
	b.a.Run("ping -c 2 -i 0.2 -W 1 " + b.b.addr.String())
	old := b.path
	b.open(Options{Stations: 16, Flows: 16, Device: b.a.ifindex})
	if !b.path.Resumed() || b.path == old {
		t.Fatal("the maps were not found")
	}
	if n := b.counters(b.a).RxFrames; n != 3 {
		t.Errorf("%d frames counted, 3 were sent", n)
	}
	check(t, b.path.Keep(func(ifindex int, _ bool) bool { return ifindex == b.a.ifindex }))
	var left []string
	check(t, b.path.Stations(func(s Station) { left = append(left, fmt.Sprint(s.Ifindex)) }))
	if got := strings.Join(left, " "); got != fmt.Sprint(b.a.ifindex) {
		t.Errorf("stations behind %s, want %d", got, b.a.ifindex)
	}
}

// TestTheMapIsFull: an error, and what is known stays.
func TestTheMapIsFull(t *testing.T) {
	b := newBed(t)
	b.known(b.a, b.b)
	var err error
	for i := 0; i < 64 && err == nil; i++ {
		err = b.path.Learn(Station{Network: network, MAC: [6]byte{2, 1, 0, 0, 0, byte(i)}, Ifindex: b.a.ifindex})
	}
	if err == nil {
		t.Error("64 stations where there is room for 16")
	}
	b.a.Run("ping -c 1 -W 1 " + b.b.addr.String())
}

// TestLearningCostsNoMemory.
func TestLearningCostsNoMemory(t *testing.T) {
	b := newBed(t)
	s := Station{Network: network, MAC: b.a.mac, Ifindex: b.a.ifindex}
	if n := testing.AllocsPerRun(100, func() { _ = b.path.Learn(s) }); n > 0 {
		t.Errorf("%v allocations for one station", n)
	}
}

// TestFiltersFitOlderKernels: before Linux 6.7 a socket has room for 20 KiB of filters
// (net.core.optmem_max), which it needs beside the small one that it has at first.
func TestFiltersFitOlderKernels(t *testing.T) {
	b := newBed(t)
	o := b.path.objects
	for name, p := range map[string]*ebpf.Program{"port_filter": o.PortFilter, "uplink_filter": o.UplinkFilter, "nic_filter": o.NicFilter} {
		info, err := p.Info()
		check(t, err)
		if size, err := info.TranslatedSize(); err != nil || size > 16<<10 {
			t.Errorf("%s has %d bytes, %v", name, size, err)
		}
	}
}
