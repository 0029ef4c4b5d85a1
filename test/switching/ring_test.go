package switching

import (
	"encoding/binary"
	"syscall"
	"testing"
	"time"
)

// A burst that is longer than a port's ring loses frames; the ring is then made
// longer, and the same burst loses none, in order and each once.
func TestRingGrowsWhereItRanOver(t *testing.T) {
	b := newBed(t, "")
	one, two := b.guest(plug{}), b.guest(plug{})
	from, to := one.station(t), two.station(t)
	const burst = 1500 // of 512 slots at first, 2048 then
	if got := b.burst(from, to, burst); len(got) >= burst {
		t.Fatalf("a burst of %d frames lost none: nothing is shown", burst)
	}
	b.d.WaitFor("the port's ring ran over; it is longer now", 10*time.Second)
	got := b.burst(from, to, burst)
	for i, n := range got {
		if int(n) != i {
			t.Fatalf("frame %d came as number %d", n, i)
		}
	}
	if len(got) != burst {
		t.Errorf("%d of %d frames arrived", len(got), burst)
	}
}

// burst sends n numbered frames while the daemon stands still, and returns the
// numbers of those that arrive.
func (b *bed) burst(from, to *station, n int) (numbers []uint32) {
	b.d.Signal(syscall.SIGSTOP)
	for i := range n {
		f := ether(mac(2), mac(1), experimental, 60)
		binary.BigEndian.PutUint32(f[20:], uint32(i))
		from.send(f)
	}
	b.d.Signal(syscall.SIGCONT)
	for _, f := range to.collect(n, typ(experimental)) {
		numbers = append(numbers, binary.BigEndian.Uint32(f.data[20:]))
	}
	return numbers
}
