package memport

import (
	"errors"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// newBatch is a batch with n buffers.
func newBatch(t *testing.T, n int) *frame.Batch {
	t.Helper()
	a, err := frame.NewArena(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return &frame.Batch{Arena: a}
}

// data is a frame of n bytes of a local experimental EtherType.
func data(n int) []byte {
	f := make([]byte, n)
	f[12], f[13] = 0x88, 0xb5
	return f
}

func TestInjectedFramesAreReceivedAndSentFramesCaptured(t *testing.T) {
	p := New(frame.Caps{Csum: true, TSO4: true, MTU: 1500})
	superframe := Frame{data(20000), frame.Offload{Flags: frame.NeedsCsum, GSO: frame.GSOTCP4, GSOSize: 1448, CsumStart: 34, CsumOffset: 16}}
	short := Frame{Data: data(60)}
	p.Inject(superframe, short)
	b, drops := newBatch(t, 4), new(frame.Drops)
	if !p.Pending() {
		t.Error("not pending after Inject")
	}
	if err := p.Receive(b, drops); err != nil || b.N != 2 {
		t.Fatalf("received %d frames, %v", b.N, err)
	}
	if p.Lent() != 2 || p.Pending() {
		t.Errorf("%d lent, pending %v", p.Lent(), p.Pending())
	}
	if s, want := p.Transmit(b, []uint16{1, 0}), (frame.Sent{Frames: 2, Bytes: 20060}); s != want {
		t.Errorf("sent %+v, want %+v", s, want)
	}
	clear(b.Frames[0].Bytes()) // what was captured is a copy
	if d := cmp.Diff([]Frame{short, superframe}, p.Sent()); d != "" {
		t.Errorf("captured (-want +got):\n%s", d)
	}
	if again := p.Sent(); len(again) != 0 {
		t.Errorf("captured twice: %d frames", len(again))
	}
	p.Release()
	if p.Lent() != 0 {
		t.Errorf("%d lent after Release", p.Lent())
	}
}

func TestMoreFramesThanABatch(t *testing.T) {
	p := New(frame.Caps{})
	for range frame.BatchSize + 3 {
		p.Inject(Frame{Data: data(60)})
	}
	b := newBatch(t, frame.BatchSize)
	for _, want := range []int{frame.BatchSize, 3, 0} {
		if _ = p.Receive(b, new(frame.Drops)); b.N != want {
			t.Errorf("received %d frames, want %d", b.N, want)
		}
		p.Release()
		b.Reset()
	}
}

func TestArenaUsedUp(t *testing.T) {
	p, drops := New(frame.Caps{}), new(frame.Drops)
	p.Inject(Frame{Data: data(60)}, Frame{Data: data(60)})
	b := newBatch(t, 1)
	if _ = p.Receive(b, drops); b.N != 1 || drops[frame.NoBuffer] != 1 {
		t.Errorf("%d received, %d without buffer, want 1 and 1", b.N, drops[frame.NoBuffer])
	}
}

func TestRefusedFrames(t *testing.T) {
	csum := frame.Offload{Flags: frame.NeedsCsum, CsumStart: 14, CsumOffset: 0}
	tagged := data(1518)
	tagged[12], tagged[13], tagged[16], tagged[17] = 0x81, 0x00, 0x88, 0xb5
	for name, c := range map[string]struct {
		frame Frame
		set   func(*Port)
		want  frame.Sent
	}{
		"fits":        {Frame{Data: data(1514)}, nil, frame.Sent{Frames: 1, Bytes: 1514}},
		"fits tagged": {Frame{Data: tagged}, nil, frame.Sent{Frames: 1, Bytes: 1518}},
		"too big":     {Frame{Data: data(1515)}, nil, frame.Sent{TooBig: 1}},
		"no limit":    {Frame{Data: data(9000)}, func(p *Port) { p.SetCaps(frame.Caps{}) }, frame.Sent{Frames: 1, Bytes: 9000}},
		"not taken":   {Frame{data(60), csum}, nil, frame.Sent{Failed: 1}},
		"down":        {Frame{Data: data(60)}, func(p *Port) { p.SetDown(true) }, frame.Sent{Down: 1}},
		"up again":    {Frame{Data: data(60)}, func(p *Port) { p.SetDown(true); p.SetDown(false) }, frame.Sent{Frames: 1, Bytes: 60}},
		"full":        {Frame{Data: data(60)}, func(p *Port) { p.SetFault(syscall.EAGAIN) }, frame.Sent{Full: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p, b := New(frame.Caps{MTU: 1500}), newBatch(t, 1)
			b.AddCopy(c.frame.Data).Offload = c.frame.Offload
			if c.set != nil {
				c.set(p)
			}
			if got := p.Transmit(b, []uint16{0}); got != c.want {
				t.Errorf("sent %+v, want %+v", got, c.want)
			}
			if n := len(p.Sent()); n != int(c.want.Frames) {
				t.Errorf("captured %d frames, want %d", n, c.want.Frames)
			}
		})
	}
}

func TestDown(t *testing.T) {
	p, b := New(frame.Caps{}), newBatch(t, 1)
	p.SetDown(true)
	p.Inject(Frame{Data: data(60)})
	if err := p.Receive(b, new(frame.Drops)); !errors.Is(err, frame.ErrDown) || b.N != 0 || p.Pending() {
		t.Errorf("%d frames, %v, pending %v", b.N, err, p.Pending())
	}
	p.SetDown(false)
	if err := p.Receive(b, new(frame.Drops)); err != nil || b.N != 1 {
		t.Errorf("after it came up: %d frames, %v", b.N, err)
	}
}

func TestPolled(t *testing.T) {
	p, err := NewPolled(frame.Caps{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	readable := func() bool {
		n, _ := unix.Poll([]unix.PollFd{{Fd: int32(p.FD()), Events: unix.POLLIN}}, 0)
		return n == 1
	}
	b := newBatch(t, 2)
	if readable() {
		t.Error("readable without a frame")
	}
	p.Inject(Frame{Data: data(60)})
	p.Inject(Frame{Data: data(60)})
	if !readable() {
		t.Error("not readable with a frame")
	}
	_ = p.Receive(b, new(frame.Drops))
	if b.N != 2 || readable() {
		t.Errorf("%d frames received, readable %v", b.N, readable())
	}
	if New(frame.Caps{}).FD() != -1 {
		t.Error("New has a descriptor")
	}
}
