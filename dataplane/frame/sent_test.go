package frame

import (
	"syscall"
	"testing"
)

func TestSentCount(t *testing.T) {
	for errno, want := range map[syscall.Errno]Sent{
		syscall.EAGAIN:   {Full: 2},
		syscall.ENOBUFS:  {Full: 2},
		syscall.ENETDOWN: {Down: 2},
		syscall.ENXIO:    {Down: 2},
		syscall.ENODEV:   {Down: 2},
		syscall.EIO:      {Down: 2},
		syscall.EBADFD:   {Down: 2},
		syscall.EMSGSIZE: {TooBig: 2},
		syscall.EINVAL:   {Failed: 2},
	} {
		var got Sent
		if got.Count(errno, 2); got != want {
			t.Errorf("%v: %+v, want %+v", errno, got, want)
		}
	}
}

func TestSentAccept(t *testing.T) {
	var s Sent
	s.Accept(60)
	s.Accept(1514)
	if want := (Sent{Frames: 2, Bytes: 1574}); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
}

func TestOutgoing(t *testing.T) {
	tcp := make([]byte, 5000) // link 14, IP 20, TCP with 12 bytes of options
	tcp[46] = 8 << 4
	super := Offload{Flags: NeedsCsum, GSO: GSOTCP4, GSOSize: 1448, CsumStart: 34, CsumOffset: 16}
	with := func(o Offload, hdr uint16) Offload { o.HdrLen = hdr; return o }
	usup := super
	usup.GSO, usup.CsumOffset = GSOUDPL4, 6
	broken := super
	broken.CsumStart = 4990 // no TCP header fits behind
	for name, c := range map[string]struct{ have, want Offload }{
		"unknown":       {super, with(super, 66)},
		"a lie":         {with(super, 4000), with(super, 66)},
		"true":          {with(super, 66), with(super, 66)},
		"udp":           {usup, with(usup, 42)},
		"no header":     {with(broken, 60), with(broken, 60)},
		"no superframe": {Offload{HdrLen: 99}, Offload{}},
	} {
		t.Run(name, func(t *testing.T) {
			var f Frame
			f.Set(tcp, 0, len(tcp))
			f.Offload = c.have
			if got := f.Outgoing(); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if f.Offload != c.have {
				t.Error("the frame was changed")
			}
		})
	}
}

func TestUntake(t *testing.T) {
	a, err := NewArena(2)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b := &Batch{Arena: a}
	b.Take()
	for range 3 * BatchSize { // neither the arena nor the batch runs out
		if b.Take() == nil {
			t.Fatal("no buffer")
		}
		b.Untake()
	}
	if a.Free() != 1 {
		t.Errorf("%d buffers free, want 1", a.Free())
	}
	b.Reset()
	if a.Free() != 2 {
		t.Errorf("%d buffers free after Reset, want 2", a.Free())
	}
}
