package afpacket

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// lab is two stations in namespaces of their own and a switch between them, or
// two switches with a trunk on which frames carry a VLAN tag:
//
//	a: eth0 ── left [m]                          right ── eth0 :b
//	a: eth0 ── left [m] trunk0 ── trunk1 [m]     right ── eth0 :b
type lab struct {
	a, b, m netns
	ports   []*Port
	longest atomic.Int64 // bytes of the longest frame forwarded
	tagged  atomic.Int64 // frames received with a tag
}

// newLab builds the namespaces and starts forwarding.
func newLab(t testing.TB, vlan bool) *lab {
	l := &lab{a: newNetns(t), b: newNetns(t), m: newNetns(t)}
	l.station(t, l.a, "left", "10.7.0.1/24")
	l.station(t, l.b, "right", "10.7.0.2/24")
	left, right := l.open(t, "left"), l.open(t, "right")
	if !vlan {
		l.start(t, left, right, nil, nil)
		return l
	}
	l.m.veth(t, "trunk0", "trunk1", 1500)
	l.start(t, left, l.open(t, "trunk0"), tag, l.untag)
	l.start(t, l.open(t, "trunk1"), right, l.untag, tag)
	return l
}

// station joins a namespace to the switch by a veth pair.
func (l *lab) station(t testing.TB, ns netns, dev, addr string) {
	ns.ip(t, fmt.Sprintf("link add eth0 type veth peer name %s netns %s", dev, l.m))
	l.m.ip(t, "link set "+dev+" up")
	ns.ip(t, "link set eth0 up")
	ns.ip(t, "addr add "+addr+" dev eth0")
}

// open opens a port of the switch.
func (l *lab) open(t testing.TB, dev string) *Port {
	p := l.m.port(t, Config{Name: dev})
	l.ports = append(l.ports, p)
	return p
}

// tag puts a frame on VLAN 100.
func tag(f *frame.Frame) { f.InsertVLAN(wire.TypeVLAN, 100) }

// untag takes the tag off, where there is one.
func (l *lab) untag(f *frame.Frame) {
	if f.Ethernet().Type() != wire.TypeVLAN {
		return
	}
	l.tagged.Add(1)
	b := f.Bytes()
	copy(b[4:16], b[:12])
	f.Pull(wire.VLANLen)
}

// start forwards between two ports until the test ends; each frame is changed
// on its way from the left or from the right.
func (l *lab) start(t testing.TB, left, right *Port, fromLeft, fromRight func(*frame.Frame)) {
	var stop atomic.Bool
	var wg sync.WaitGroup
	b := newBatch(t)
	wg.Go(func() {
		fds := []unix.PollFd{{Fd: int32(left.FD()), Events: unix.POLLIN}, {Fd: int32(right.FD()), Events: unix.POLLIN}}
		for idle := 0; !stop.Load(); idle++ {
			n := l.pass(b, left, right, fromLeft) + l.pass(b, right, left, fromRight)
			if n > 0 {
				idle = 0
			} else if idle > 50 {
				_, _ = unix.Poll(fds, 20)
			}
		}
	})
	t.Cleanup(func() { stop.Store(true); wg.Wait() })
}

// pass is the smallest worker: what comes in on one side goes out on the other.
func (l *lab) pass(b *frame.Batch, from, to *Port, change func(*frame.Frame)) int {
	_ = from.Receive(b, new(frame.Drops))
	n := b.N
	if n == 0 {
		return 0
	}
	var which [frame.BatchSize]uint16
	for i := range n {
		f := &b.Frames[i]
		which[i] = uint16(i)
		l.longest.Store(max(l.longest.Load(), int64(f.Len())))
		if change != nil {
			change(f)
		}
	}
	to.Transmit(b, which[:n])
	from.Release()
	b.Reset()
	return n
}
