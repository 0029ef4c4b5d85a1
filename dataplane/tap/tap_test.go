package tap

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

func TestFramesBothWays(t *testing.T) {
	for _, noVnet := range []bool{false, true} {
		t.Run(fmt.Sprintf("NoVnet=%v", noVnet), func(t *testing.T) {
			n := newNetns(t)
			p := n.port(t, Config{Name: "ubr%d", NoVnet: noVnet}, "10.7.0.1/24")
			if p.Name() != "ubr0" || p.Ifindex() == 0 {
				t.Errorf("name %q, index %d", p.Name(), p.Ifindex())
			}
			peer := n.peer(t, p.Ifindex())
			for _, l := range []int{60, 1514, 9014} {
				want := ethernet(l)
				out := newBatch(t)
				out.AddCopy(want)
				if s := p.Transmit(out, []uint16{0}); s != (frame.Sent{Frames: 1, Bytes: uint64(l)}) {
					t.Fatalf("sent %+v", s)
				}
				buf := make([]byte, 10000)
				k, err := unix.Read(peer, buf)
				if err != nil || !bytes.Equal(buf[frame.VnetLen:k], want) {
					t.Errorf("the device got %d bytes, %v, want %d", k-frame.VnetLen, err, l)
				}
				if _, err := unix.Write(peer, append(make([]byte, frame.VnetLen), want...)); err != nil {
					t.Fatal(err)
				}
				f := receive(t, p, func(f *frame.Frame) bool { return f.Ethernet().Type() == 0x88b5 })
				if !bytes.Equal(f.Bytes(), want) || f.Offload != (frame.Offload{}) || len(f.Front(frame.Headroom)) != frame.Headroom {
					t.Errorf("received %d bytes, offload %+v; want %d, none", f.Len(), f.Offload, l)
				}
			}
		})
	}
}

// The kernel's side leaves the work undone that was negotiated, and no more;
// the tag of a VLAN stays in the frame.
func TestOffloadOfReceivedFrames(t *testing.T) {
	n := newNetns(t)
	for i, noVnet := range []bool{false, true} {
		p := n.port(t, Config{NoVnet: noVnet}, fmt.Sprintf("10.7.%d.1/24", i))
		peer := n.peer(t, p.Ifindex())
		data := udp4(300)
		var f frame.Frame
		f.Set(append(make([]byte, frame.Headroom), data...), frame.Headroom, len(data))
		f.Offload = frame.Offload{Flags: frame.NeedsCsum, CsumStart: 34, CsumOffset: 6}
		f.InsertVLAN(wire.TypeVLAN, 100)
		f.Offload.Encode(f.Front(frame.VnetLen))
		if _, err := unix.Write(peer, f.WithFront(frame.VnetLen)); err != nil {
			t.Fatal(err)
		}
		g := receive(t, p, func(f *frame.Frame) bool { return f.Len() == 304 })
		if !noVnet {
			if !bytes.Equal(g.Bytes(), f.Bytes()) || g.Offload != f.Offload {
				t.Errorf("received %x, %+v; want %x, %+v", g.Bytes()[:48], g.Offload, f.Bytes()[:48], f.Offload)
			}
			continue
		}
		udp := g.Bytes()[38:]
		pseudo := wire.Sum([]byte{10, 0, 0, 1, 10, 0, 0, 2, 0, 17, byte(len(udp) >> 8), byte(len(udp))}, 0)
		if g.Offload != (frame.Offload{}) || wire.Fold(wire.Sum(udp, pseudo)) != 0xffff {
			t.Errorf("NoVnet: offload %+v, or the checksum is not finished", g.Offload)
		}
	}
}

// udp4 is a UDP datagram in a frame of n bytes, from 10.0.0.1 to 10.0.0.2, with
// the pseudo-header's sum where the checksum goes.
func udp4(n int) []byte {
	f := ethernet(n)
	wire.Ethernet(f).SetType(wire.TypeIPv4)
	copy(f[14:], []byte{0x45, 0, byte((n - 14) >> 8), byte(n - 14), 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2})
	wire.IPv4(f[14:]).FillChecksum()
	l := n - 34
	sum := 10<<8 + 1 + 10<<8 + 2 + 17 + l
	copy(f[34:], []byte{3, 232, 7, 208, byte(l >> 8), byte(l), byte(sum >> 8), byte(sum)})
	return f
}

func TestCaps(t *testing.T) {
	n := newNetns(t)
	var p, plain *Port
	var err error
	n.do(t, func() {
		if p, err = Open(Config{}); err == nil {
			plain, err = Open(Config{NoVnet: true})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	defer plain.Close()
	if c := p.Caps(); !c.Csum || !c.TSO4 || !c.TSO6 || c.MTU != 1500 {
		t.Errorf("caps %+v", c)
	}
	if want := (frame.Caps{MTU: 1500}); plain.Caps() != want {
		t.Errorf("NoVnet: caps %+v, want %+v", plain.Caps(), want)
	}
	if p.SetMTU(1400); p.Caps().MTU != 1400 {
		t.Errorf("MTU %d after SetMTU(1400)", p.Caps().MTU)
	}
}

func TestFrameWithoutHeadroom(t *testing.T) {
	n := newNetns(t)
	p := n.port(t, Config{}, "10.7.0.1/24")
	peer, out, want := n.peer(t, p.Ifindex()), newBatch(t), ethernet(200)
	out.Add(want, 0, len(want))
	if s := p.Transmit(out, []uint16{0}); s.Frames != 1 {
		t.Fatalf("sent %+v", s)
	}
	buf := make([]byte, 1000)
	if k, err := unix.Read(peer, buf); err != nil || !bytes.Equal(buf[frame.VnetLen:k], want) {
		t.Errorf("the device got %x, %v", buf[:k], err)
	}
}

func TestBadVnetHeaderDoesNotStopTheOthers(t *testing.T) {
	n := newNetns(t)
	p := n.port(t, Config{}, "10.7.0.1/24")
	out := newBatch(t)
	out.AddCopy(ethernet(60)).Offload = frame.Offload{Flags: frame.NeedsCsum, CsumStart: 4000}
	out.AddCopy(ethernet(61))
	if s, want := p.Transmit(out, []uint16{0, 1}), (frame.Sent{Frames: 1, Bytes: 61, Failed: 1}); s != want {
		t.Errorf("sent %+v, want %+v", s, want)
	}
}

func TestDownUpAndDeleted(t *testing.T) {
	n := newNetns(t)
	p := n.port(t, Config{Name: "ubr0"}, "10.7.0.1/24")
	out := newBatch(t)
	out.AddCopy(ethernet(60))
	out.AddCopy(ethernet(60))
	both := []uint16{0, 1}
	state := func() error {
		b := newBatch(t)
		defer b.Reset()
		return p.Receive(b, new(frame.Drops))
	}
	n.ip(t, "link set dev ubr0 down")
	if s := p.Transmit(out, both); s.Down != 2 {
		t.Errorf("down: sent %+v", s)
	}
	if err := state(); !errors.Is(err, frame.ErrDown) {
		t.Errorf("down: %v", err)
	}
	n.ip(t, "link set dev ubr0 name ubr7")
	n.ip(t, "link set dev ubr7 up")
	if err := state(); err != nil {
		t.Errorf("up again, under another name: %v", err)
	}
	if s := p.Transmit(out, both); s.Frames != 2 {
		t.Errorf("up again: sent %+v", s)
	}
	n.ip(t, "link del dev ubr7")
	if err := state(); !errors.Is(err, frame.ErrDown) {
		t.Errorf("deleted: %v", err)
	}
	if s := p.Transmit(out, both); s.Down != 2 {
		t.Errorf("deleted: sent %+v", s)
	}
}

// A device that has no queue behind it: an ordinary look at it gives nothing
// and costs no buffer.
func TestEmptyReceiveKeepsNoBuffer(t *testing.T) {
	n := newNetns(t)
	p := n.port(t, Config{}, "10.7.0.1/24")
	b, drops := newBatch(t), new(frame.Drops)
	for range 3 * frame.BatchSize {
		_ = p.Receive(b, drops)
	}
	if free := b.Arena.Free(); free != frame.BatchSize-b.N {
		t.Errorf("%d buffers free with %d frames received", free, b.N)
	}
}

func TestOpenErrors(t *testing.T) {
	n := newNetns(t)
	p := n.port(t, Config{Name: "ubr0"}, "10.7.0.1/24")
	n.do(t, func() {
		for _, name := range []string{p.Name(), "a name that is too long", "lo"} {
			if q, err := Open(Config{Name: name}); err == nil {
				q.Close()
				t.Errorf("opened %q", name)
			}
		}
	})
}

func TestPortGoesAwayWithItsDevice(t *testing.T) {
	n := newNetns(t)
	n.do(t, func() {
		p, err := Open(Config{Name: "ubr0"})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if _, err := net.InterfaceByName("ubr0"); err == nil {
			t.Error("the device outlives the port")
		}
	})
}

// The bytes of a stream between two namespaces arrive unharmed through two
// taps and a loop: as superframes with vnet headers, cut by the kernel without.
func TestTCPStream(t *testing.T) {
	for _, noVnet := range []bool{false, true} {
		t.Run(fmt.Sprintf("NoVnet=%v", noVnet), func(t *testing.T) {
			na, nb := newNetns(t), newNetns(t)
			a := na.port(t, Config{Name: "eth0", NoVnet: noVnet}, "10.7.0.1/24")
			b := nb.port(t, Config{Name: "eth0", NoVnet: noVnet}, "10.7.0.2/24")
			longest := forward(t, a, b)
			stream(t, na, nb, "10.7.0.2:7000", 32<<20)
			if super := longest.Load() > 9014; super == noVnet {
				t.Errorf("the longest frame had %d bytes", longest.Load())
			}
		})
	}
}

// forward is the smallest worker: what comes in on one side goes out on the
// other, until the test ends. It gives the length of the longest frame.
func forward(t *testing.T, a, b *Port) *atomic.Int64 {
	var longest atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	batch, which, drops := newBatch(t), make([]uint16, frame.BatchSize), new(frame.Drops)
	for i := range which {
		which[i] = uint16(i)
	}
	pass := func(from, to *Port) {
		_ = from.Receive(batch, drops)
		for i := range batch.N {
			longest.Store(max(longest.Load(), int64(batch.Frames[i].Len())))
		}
		to.Transmit(batch, which[:batch.N])
		batch.Reset()
	}
	wg.Go(func() {
		fds := []unix.PollFd{{Fd: int32(a.FD()), Events: unix.POLLIN}, {Fd: int32(b.FD()), Events: unix.POLLIN}}
		for !stop.Load() {
			_, _ = unix.Poll(fds, 20)
			pass(a, b)
			pass(b, a)
		}
	})
	t.Cleanup(func() { stop.Store(true); wg.Wait() })
	return &longest
}

// stream sends n random bytes from one namespace to an address of another and
// compares what arrives.
func stream(t *testing.T, from, to netns, addr string, n int64) {
	var ln net.Listener
	var out net.Conn
	var err error
	to.do(t, func() { ln, err = net.Listen("tcp4", addr) })
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	from.do(t, func() { out, err = net.DialTimeout("tcp4", addr, 3*time.Second) })
	if err != nil {
		t.Fatal(err)
	}
	in, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	_ = in.SetReadDeadline(time.Now().Add(20 * time.Second))
	sent, got := sha256.New(), sha256.New()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer out.Close()
		src := io.LimitReader(rand.NewChaCha8([32]byte{1}), n)
		_, _ = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(out, sent)}, src, make([]byte, 256<<10))
	})
	m, err := io.CopyBuffer(struct{ io.Writer }{got}, in, make([]byte, 256<<10))
	wg.Wait()
	if err != nil || m != n || !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
		t.Errorf("%d of %d bytes, %v, or another SHA-256", m, n, err)
	}
}

func TestNoAllocation(t *testing.T) {
	n := newNetns(t)
	p := n.port(t, Config{}, "10.7.0.1/24")
	peer, out, in := n.peer(t, p.Ifindex()), newBatch(t), newBatch(t)
	out.AddCopy(ethernet(60))
	out.AddCopy(ethernet(5000))
	which, drops, msg := []uint16{0, 1}, new(frame.Drops), append(make([]byte, frame.VnetLen), ethernet(3000)...)
	received := 0
	got := testing.AllocsPerRun(100, func() {
		p.Transmit(out, which)
		_, _ = unix.Write(peer, msg)
		_ = p.Receive(in, drops)
		received += in.N
		p.Release()
		in.Reset()
	})
	if got != 0 || received < 100 {
		t.Errorf("%v allocations per batch, want none; %d frames received", got, received)
	}
}
