package afpacket

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

func TestFramesOfAllLengths(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	slot := DefaultSlotBytes - 114 // the longest that fits a slot
	for _, l := range []int{14, 60, 1514, slot - 1, slot, slot + 1, 4000, 9014} {
		t.Run(fmt.Sprint(l), func(t *testing.T) {
			in, want := newBatch(t), ethernet(l, l)
			if s := send(t, a, want); s.Frames != 1 || s.Bytes != uint64(l) {
				t.Fatalf("sent %+v", s)
			}
			receive(t, b, in, 1)
			f := &in.Frames[0]
			if !bytes.Equal(f.Bytes(), want) {
				t.Errorf("received %d bytes, differing from the %d sent", f.Len(), l)
			}
			if len(f.Front(frame.Headroom)) != frame.Headroom {
				t.Errorf("less than %d bytes of headroom", frame.Headroom)
			}
			if f.Offload != (frame.Offload{}) {
				t.Errorf("offload %+v, want none", f.Offload)
			}
			clear(f.Front(frame.Headroom)) // ours to write
			b.Release()
		})
	}
}

func TestLongAndShortFramesKeepTheirOrder(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	out, in := newBatch(t), newBatch(t)
	for i := range frame.BatchSize {
		l := 100
		if i%3 == 0 {
			l = 3000 + i
		}
		out.AddCopy(ethernet(l, i))
	}
	if s := a.Transmit(out, all(out)); s.Frames != frame.BatchSize {
		t.Fatalf("sent %+v", s)
	}
	receive(t, b, in, frame.BatchSize)
	for i := range in.N {
		if !bytes.Equal(in.Frames[i].Bytes(), out.Frames[i].Bytes()) {
			t.Errorf("frame %d differs or is out of order", i)
		}
	}
}

func TestTransmitTakesTheNamedFramesInOrder(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	out, in := newBatch(t), newBatch(t)
	for i := range 5 {
		out.AddCopy(ethernet(100, i))
	}
	a.Transmit(out, []uint16{3, 0, 4})
	receive(t, b, in, 3)
	for k, i := range []int{3, 0, 4} {
		if !bytes.Equal(in.Frames[k].Bytes(), out.Frames[i].Bytes()) {
			t.Errorf("place %d does not hold frame %d", k, i)
		}
	}
}

func TestRingGoesRound(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a := n.port(t, Config{Name: "a"})
	b := n.port(t, Config{Name: "b", RingBytes: 128 << 10}) // 64 slots
	in := newBatch(t)
	const rounds, perRound = 40, 20
	for i := range rounds {
		out := newBatch(t)
		for k := range perRound {
			out.AddCopy(ethernet(64, i*perRound+k))
		}
		a.Transmit(out, all(out))
		receive(t, b, in, perRound)
		for k := range perRound {
			if !bytes.Equal(in.Frames[k].Bytes(), out.Frames[k].Bytes()) {
				t.Fatalf("round %d: frame %d differs", i, k)
			}
		}
		b.Release()
		in.Reset()
	}
}

func TestFullRingDropsAndRecovers(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a := n.port(t, Config{Name: "a"})
	b := n.port(t, Config{Name: "b", RingBytes: 128 << 10})
	out := newBatch(t)
	for k := range frame.BatchSize {
		out.AddCopy(ethernet(64, k))
	}
	for range 4 {
		a.Transmit(out, all(out))
	}
	drops := new(frame.Drops)
	in := [3]*frame.Batch{newBatch(t), newBatch(t), newBatch(t)}
	for _, in := range in { // nothing released in between: every slot is lent
		if err := b.Receive(in, drops); err != nil {
			t.Fatal(err)
		}
	}
	if in[0].N != 32 || in[1].N != 32 || in[2].N != 0 {
		t.Errorf("received %d, %d, %d frames, want 32, 32, 0", in[0].N, in[1].N, in[2].N)
	}
	if b.Pending() {
		t.Error("a lent slot looks pending")
	}
	s, err := b.Stats()
	if want := (Stats{Received: 64, Dropped: 64}); err != nil || s != want {
		t.Errorf("stats %+v, %v, want %+v", s, err, want)
	}
	b.Release()
	last := ethernet(80, 7)
	send(t, a, last)
	in[0].Reset()
	receive(t, b, in[0], 1)
	if !bytes.Equal(in[0].Frames[0].Bytes(), last) {
		t.Error("wrong frame after the ring was full")
	}
}

func TestFrameTooBigDoesNotStopTheOthers(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	out, in := newBatch(t), newBatch(t)
	for _, l := range []int{60, 1600, 61, 1515, 62} {
		out.AddCopy(ethernet(l, l))
	}
	if s, want := a.Transmit(out, all(out)), (frame.Sent{Frames: 3, Bytes: 183, TooBig: 2}); s != want {
		t.Errorf("sent %+v, want %+v", s, want)
	}
	receive(t, b, in, 3)
	for i, l := range []int{60, 61, 62} {
		if in.Frames[i].Len() != l {
			t.Errorf("frame %d has %d bytes, want %d", i, in.Frames[i].Len(), l)
		}
	}
}

func TestBadVnetHeaderIsRefused(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a := n.port(t, Config{Name: "a"})
	out := newBatch(t)
	out.AddCopy(ethernet(60, 0)).Offload = frame.Offload{Flags: frame.NeedsCsum, CsumStart: 4000, CsumOffset: 16}
	out.AddCopy(ethernet(60, 1))
	if s := a.Transmit(out, all(out)); s.Failed != 1 || s.Frames != 1 {
		t.Errorf("sent %+v, want 1 failed and 1 gone", s)
	}
}

func TestArenaUsedUp(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	arena, err := frame.NewArena(1)
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	in := &frame.Batch{Arena: arena}
	for i := range 3 {
		send(t, a, ethernet(5000, i))
	}
	send(t, a, ethernet(100, 3))
	drops := receive(t, b, in, 2)
	if drops[frame.NoBuffer] != 2 {
		t.Errorf("%d frames dropped for want of a buffer, want 2", drops[frame.NoBuffer])
	}
	if !bytes.Equal(in.Frames[1].Bytes(), ethernet(100, 3)) {
		t.Error("the short frame behind them differs")
	}
	b.Release()
	in.Reset()
	send(t, a, ethernet(5000, 9))
	receive(t, b, in, 1)
	if !bytes.Equal(in.Frames[0].Bytes(), ethernet(5000, 9)) {
		t.Error("slots and queue have lost each other")
	}
}

// When slots and the socket's queue differ, frames are lost but none is mixed
// up with another, and they find each other again.
func TestQueueOutOfStepRecovers(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	in := newBatch(t)
	for i := range 3 {
		send(t, a, ethernet(5000, i))
	}
	b.read(b.link.scrap[:]) // steal the first
	drops := new(frame.Drops)
	for range 3 {
		if err := b.Receive(in, drops); err != nil {
			t.Fatal(err)
		}
	}
	if in.N != 0 || drops[frame.RxCut] != 3 {
		t.Errorf("%d frames, %d cut, want 0 and 3", in.N, drops[frame.RxCut])
	}
	b.Release()
	send(t, a, ethernet(5000, 4))
	receive(t, b, in, 1)
	if !bytes.Equal(in.Frames[0].Bytes(), ethernet(5000, 4)) {
		t.Error("wrong frame after the queue was out of step")
	}
}

func TestFilters(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	prog := filterByLength(t, 100)
	classic := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_LEN},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: 100},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	a := n.port(t, Config{Name: "a"})
	for name, c := range map[string]Config{
		"classic": {Name: "b", Filter: classic},
		"ebpf":    {Name: "b", FilterFD: prog},
	} {
		t.Run(name, func(t *testing.T) {
			b, in := n.port(t, c), newBatch(t)
			send(t, a, ethernet(99, 0))
			send(t, a, ethernet(100, 0))
			send(t, a, ethernet(101, 0))
			receive(t, b, in, 1)
			_ = b.Receive(in, new(frame.Drops))
			if in.N != 1 || in.Frames[0].Len() != 100 {
				t.Errorf("%d frames, first of %d bytes; want the one of 100", in.N, in.Frames[0].Len())
			}
		})
	}
}

// filterByLength is a socket filter program that takes frames of n bytes only.
func filterByLength(t *testing.T, n int32) int {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SocketFilter, License: "MIT", Instructions: asm.Instructions{
		asm.LoadMem(asm.R1, asm.R1, 0, asm.Word), // __sk_buff.len
		asm.Mov.Imm(asm.R0, -1),
		asm.JEq.Imm(asm.R1, n, "take"),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return().WithSymbol("take"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { prog.Close() })
	return prog.FD()
}

func TestOwnAndHostFramesAreNotReceived(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a, second, in := n.port(t, Config{Name: "a", Mark: 7}), n.port(t, Config{Name: "a"}), newBatch(t)
	if mark, err := unix.GetsockoptInt(a.FD(), unix.SOL_SOCKET, unix.SO_MARK); err != nil || mark != 7 {
		t.Errorf("mark %d, %v, want 7", mark, err)
	}
	send(t, second, ethernet(60, 0))
	for range 3 {
		if err := a.Receive(in, new(frame.Drops)); err != nil || in.N != 0 {
			t.Fatalf("received %d frames, %v", in.N, err)
		}
	}
}

func TestDeviceDownAndUp(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a, b, in := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"}), newBatch(t)
	n.ip(t, "link set dev b down")
	waitDown(t, b)
	waitQuiet(t, b)
	if s := send(t, b, ethernet(60, 0)); s.Down != 1 {
		t.Errorf("sent %+v, want 1 down", s)
	}
	n.ip(t, "link set dev b up")
	if err := b.Receive(in, new(frame.Drops)); err != nil {
		t.Errorf("after the device came up: %v", err)
	}
	send(t, a, ethernet(60, 5))
	receive(t, b, in, 1)
	if s := send(t, b, ethernet(60, 0)); s.Frames != 1 {
		t.Errorf("sent %+v after the device came up", s)
	}
}

// A device that went down and up unnoticed leaves an error on the socket; one
// frame pays for it, not the port.
func TestStaleErrorCostsOneFrame(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	b := n.port(t, Config{Name: "b"})
	n.ip(t, "link set dev b down")
	n.ip(t, "link set dev b up")
	out := newBatch(t)
	for i := range 4 {
		out.AddCopy(ethernet(60, i))
	}
	if s := b.Transmit(out, all(out)); s.Down != 1 || s.Frames != 3 {
		t.Errorf("sent %+v, want 1 down and 3 gone", s)
	}
	if err := b.Receive(newBatch(t), new(frame.Drops)); err != nil {
		t.Errorf("Receive: %v on a device that is up", err)
	}
}

func TestOpenOnADeviceThatIsDown(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	n.ip(t, "link set dev b down")
	a, b, in := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"}), newBatch(t)
	if err := b.Receive(in, new(frame.Drops)); !errors.Is(err, frame.ErrDown) {
		t.Errorf("Receive: %v, want %v", err, frame.ErrDown)
	}
	n.ip(t, "link set dev b up")
	send(t, a, ethernet(60, 5))
	receive(t, b, in, 1)
}

func TestDeviceDeleted(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	b := n.port(t, Config{Name: "b"})
	n.ip(t, "link del dev a")
	waitDown(t, b)
	waitQuiet(t, b)
	if s := send(t, b, ethernet(60, 0)); s.Down != 1 {
		t.Errorf("sent %+v, want 1 down", s)
	}
	n.veth(t, "a", "b", 1500) // the same name is another device
	if err := b.Receive(newBatch(t), new(frame.Drops)); !errors.Is(err, frame.ErrDown) {
		t.Errorf("Receive: %v on a port whose device is gone for ever", err)
	}
}

func TestDeviceMovedAwayIsGone(t *testing.T) {
	n, other := newNetns(t), newNetns(t)
	n.veth(t, "a", "b", 1500)
	b := n.port(t, Config{Name: "b"})
	n.ip(t, "link set dev b netns "+string(other))
	waitDown(t, b)
	if !b.link.gone {
		t.Error("a device in another namespace is not known to be gone")
	}
}

// waitDown asks the port until it says that the device is down.
func waitDown(t *testing.T, p *Port) {
	t.Helper()
	b := newBatch(t)
	for range 4 { // an empty Receive asks the socket after another empty one
		if err := p.Receive(b, new(frame.Drops)); errors.Is(err, frame.ErrDown) {
			return
		}
	}
	t.Fatal("Receive does not say that the device is down")
}

// waitQuiet checks that a worker could sleep on the port.
func waitQuiet(t *testing.T, p *Port) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(p.FD()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 10); n != 0 || err != nil {
		t.Errorf("poll: %d events %#x, %v; a worker would spin", n, fds[0].Revents, err)
	}
}

func TestPollWakes(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a, b, in := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"}), newBatch(t)
	if b.Pending() {
		t.Error("pending without a frame")
	}
	waitQuiet(t, b)
	send(t, a, ethernet(60, 0))
	fds := []unix.PollFd{{Fd: int32(b.FD()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 2000); n != 1 || err != nil {
		t.Fatalf("poll: %d, %v", n, err)
	}
	if !b.Pending() {
		t.Error("not pending though it polls readable")
	}
	receive(t, b, in, 1)
	b.Release()
	waitQuiet(t, b)
}

func TestCapsAndMTU(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1400)
	p := n.port(t, Config{Name: "a"})
	if want := (frame.Caps{Csum: true, TSO4: true, TSO6: true, USO: takesUSO(), MTU: 1400}); p.Caps() != want {
		t.Errorf("caps %+v, want %+v", p.Caps(), want)
	}
	p.SetMTU(1300)
	if p.Caps().MTU != 1300 {
		t.Errorf("MTU %d after SetMTU(1300)", p.Caps().MTU)
	}
}

func TestOpenErrors(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	for name, c := range map[string]Config{
		"no such name":     {Name: "nowhere"},
		"no such index":    {Ifindex: 4711},
		"odd slot":         {Name: "a", SlotBytes: 3000},
		"ring too small":   {Name: "a", RingBytes: 1},
		"two filters":      {Name: "a", FilterFD: 1, Filter: make([]unix.SockFilter, 1)},
		"not a program":    {Name: "a", FilterFD: 1},
		"name is too long": {Name: "abcdefghijklmnopqrst"},
	} {
		t.Run(name, func(t *testing.T) {
			n.do(t, func() {
				if p, err := Open(c); err == nil {
					p.Close()
					t.Error("opened")
				}
			})
		})
	}
}

func TestWithoutVnetHeader(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	var a, b *Port
	n.do(t, func() {
		var err error
		if a, err = open(Config{Name: "a"}, false); err != nil {
			t.Fatal(err)
		}
		if b, err = open(Config{Name: "b"}, false); err != nil {
			t.Fatal(err)
		}
	})
	defer a.Close()
	defer b.Close()
	if want := (frame.Caps{MTU: 9000}); a.Caps() != want {
		t.Errorf("caps %+v, want %+v", a.Caps(), want)
	}
	in := newBatch(t)
	for _, l := range []int{60, 5000} {
		send(t, a, ethernet(l, l))
		receive(t, b, in, 1)
		if !bytes.Equal(in.Frames[0].Bytes(), ethernet(l, l)) {
			t.Errorf("frame of %d bytes differs", l)
		}
		b.Release()
		in.Reset()
	}
	// A frame with an unfinished checksum cannot be told from a whole one.
	full := n.port(t, Config{Name: "a"})
	out := newBatch(t)
	out.AddCopy(udp4(200)).Offload = frame.Offload{Flags: frame.NeedsCsum, CsumStart: 34, CsumOffset: 6}
	if s := full.Transmit(out, all(out)); s.Frames != 1 {
		t.Fatalf("sent %+v", s)
	}
	drops := new(frame.Drops)
	for end := time.Now().Add(2 * time.Second); drops[frame.BadOffload] == 0 && time.Now().Before(end); {
		_ = b.Receive(in, drops)
	}
	if drops[frame.BadOffload] != 1 || in.N != 0 {
		t.Errorf("%d frames, drops %v; want one bad offload", in.N, *drops)
	}
}

func TestNoAllocation(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	out, in, drops := newBatch(t), newBatch(t), new(frame.Drops)
	for i := range 8 {
		out.AddCopy(ethernet(100+i*1000, i)) // some in slots, some beside
	}
	which := all(out)
	got := testing.AllocsPerRun(100, func() {
		a.Transmit(out, which)
		_ = b.Receive(in, drops)
		_ = b.Receive(in, drops)
		b.Release()
		in.Reset()
	})
	if got != 0 {
		t.Errorf("%v allocations per batch, want none", got)
	}
	s, _ := b.Stats()
	if s.Received < 100*8 {
		t.Errorf("only %d frames were received", s.Received)
	}
}
