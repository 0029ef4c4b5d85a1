package segment

import (
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

func TestMalformedSuperframesAreRefused(t *testing.T) {
	tcp4 := super{tcpWords: 3, mss: 1448, payload: 20000}
	tcp6 := super{v6: true, options: 1, mss: 1428, payload: 20000}
	udp4 := super{udp: true, mss: 1472, payload: 20000}
	const l3, l4 = 14, 34 // of an untagged frame without options
	tests := map[string]struct {
		s      super
		change func(f *frame.Frame, b []byte)
	}{
		"kind of the other IP version":      {tcp4, func(f *frame.Frame, _ []byte) { f.Offload.GSO = frame.GSOTCP6 }},
		"and the other way round":           {tcp6, func(f *frame.Frame, _ []byte) { f.Offload.GSO = frame.GSOTCP4 }},
		"UFO":                               {udp4, func(f *frame.Frame, _ []byte) { f.Offload.GSO = frame.GSOUDP }},
		"neither IPv4 nor IPv6":             {tcp4, func(_ *frame.Frame, b []byte) { b[12] = 0x88 }},
		"version that belies the type":      {tcp4, func(_ *frame.Frame, b []byte) { b[l3] = 0x65 }},
		"version 4 in an IPv6 frame":        {tcp6, func(_ *frame.Frame, b []byte) { b[l3] = 0x40 }},
		"IPv4 header shorter than any":      {tcp4, func(_ *frame.Frame, b []byte) { b[l3] = 0x44 }},
		"checksum starts behind the header": {tcp4, func(_ *frame.Frame, b []byte) { b[l3] = 0x46 }},
		"checksum starts in the options":    {super{v6: true, options: 2, mss: 100, payload: 900}, func(f *frame.Frame, _ []byte) { f.Offload.CsumStart -= 8 }},
		"a fragment":                        {tcp4, func(_ *frame.Frame, b []byte) { b[l3+6] = 0x20 }},
		"the last fragment":                 {tcp4, func(_ *frame.Frame, b []byte) { b[l3+7] = 1 }},
		"an IPv6 fragment":                  {tcp6, func(_ *frame.Frame, b []byte) { b[l3+6] = 44 }},
		"TCP of another protocol":           {tcp4, func(_ *frame.Frame, b []byte) { b[l3+9] = wire.ProtoUDP }},
		"UDP of another protocol":           {udp4, func(_ *frame.Frame, b []byte) { b[l3+9] = wire.ProtoTCP }},
		"TCP header shorter than any":       {tcp4, func(_ *frame.Frame, b []byte) { b[l4+12] = 4 << 4 }},
		"TCP header longer than the frame":  {super{mss: 100, payload: 10}, func(_ *frame.Frame, b []byte) { b[l4+12] = 15 << 4 }},
		"segments of nothing":               {tcp4, func(f *frame.Frame, _ []byte) { f.Offload.GSOSize = 0 }},
		"segments of next to nothing":       {tcp4, func(f *frame.Frame, _ []byte) { f.Offload.GSOSize = 9 }},
		"the wrong checksum field":          {tcp4, func(f *frame.Frame, _ []byte) { f.Offload.CsumOffset = 6 }},
		"three tags":                        {super{tags: 3, mss: 1448, payload: 20000}, func(*frame.Frame, []byte) {}},
		"cut within the UDP header":         {udp4, func(f *frame.Frame, _ []byte) { f.Truncate(l4 + 8 - 1) }},
		"cut within the IPv6 header":        {tcp6, func(f *frame.Frame, _ []byte) { f.Offload.CsumStart = 20; f.Truncate(50) }},
	}
	for name, tt := range tests {
		f := tt.s.frame()
		tt.change(f, f.Bytes())
		var c Cutter
		if r := c.Start(f, frame.Caps{}); r != frame.BadSegment {
			t.Errorf("%s: %s", name, r)
		}
		out := frame.Batch{Arena: arena(t, 1)}
		if done, r := c.Next(&out); !done || r != frame.Forwarded || out.N != 0 {
			t.Errorf("%s: refused, yet Next makes %d frames", name, out.N)
		}
	}
}

func TestThePackedLengthFieldsHoldTheLargest(t *testing.T) {
	a := arena(t, 2)
	s := super{mss: 65495, payload: 65495} // an IPv4 packet of 65,535 bytes
	f := s.frame()
	all, r := cut(t, a, f, frame.Caps{})
	if r != frame.Forwarded || len(all) != 1 {
		t.Fatalf("%d frames, %s", len(all), r)
	}
	s.expectSegments(t, f, all)
	s.payload, s.mss = 65496, 65496 // as much as the frame can be, and one more than IPv4 can say
	if _, r := cut(t, a, s.frame(), frame.Caps{}); r != frame.BadSegment {
		t.Errorf("a segment longer than IPv4 can say: %s", r)
	}
}

func TestNextWithoutRoom(t *testing.T) {
	f := (super{mss: 1000, payload: 60000}).frame()
	var c Cutter
	if r := c.Start(f, frame.Caps{}); r != frame.Forwarded {
		t.Fatal(r)
	}
	empty := frame.Batch{Arena: arena(t, 1)}
	empty.Take() // the arena's only buffer
	if done, r := c.Next(&empty); done || r != frame.NoBuffer {
		t.Errorf("no buffer: %t, %s", done, r)
	}
	full := frame.Batch{Arena: arena(t, 1), N: frame.BatchSize}
	if done, r := c.Next(&full); done || r != frame.NoBuffer {
		t.Errorf("full batch: %t, %s", done, r)
	}
	out, total := frame.Batch{Arena: arena(t, 1)}, 0
	for done := false; !done; total += out.N {
		var r frame.Reason
		out.Reset()
		if done, r = c.Next(&out); r != frame.Forwarded {
			t.Fatal(r)
		}
	}
	if total != 60 {
		t.Errorf("%d segments afterwards, want 60", total)
	}
}

// TestJumboSegmentsTakeSeveralBuffers: no buffer holds a batch of them, and one
// that can be had is enough.
func TestJumboSegmentsTakeSeveralBuffers(t *testing.T) {
	for _, buffers := range []int{1, 3} {
		a := arena(t, buffers)
		s := super{mss: 8960, payload: 65000}
		f := s.frame()
		all, r := cut(t, a, f, frame.Caps{})
		if r != frame.Forwarded || len(all) != 8 {
			t.Fatalf("%d segments, %s", len(all), r)
		}
		s.expectSegments(t, f, all)
	}
}

func TestCuttingDoesNotAllocate(t *testing.T) {
	f := (super{mss: 1448, payload: 64000}).frame()
	plain := (super{payload: 1400}).frame()
	out := frame.Batch{Arena: arena(t, frame.BatchSize)}
	got := testing.AllocsPerRun(50, func() {
		for _, f := range []*frame.Frame{f, plain} {
			var c Cutter
			c.Start(f, frame.Caps{})
			for done := false; !done; {
				out.Reset()
				done, _ = c.Next(&out)
			}
		}
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// FuzzCutter takes any vnet header and frame: the cutter ends, within bounds,
// and makes nothing that lies.
func FuzzCutter(f *testing.F) {
	seed := func(s super) {
		fr := s.frame()
		var h [frame.VnetLen]byte
		fr.Offload.Encode(h[:])
		f.Add(h[:], fr.Bytes(), byte(0))
		f.Add(h[:], fr.Bytes(), byte(1))
	}
	seed(super{tcpWords: 3, mss: 100, payload: 333})
	seed(super{v6: true, options: 2, routed: true, mss: 90, payload: 300})
	seed(super{udp: true, tags: 2, options: 3, mss: 64, payload: 200})
	seed(super{udp: true, v6: true, payload: 77})
	a := arena(f, frame.BatchSize)
	f.Fuzz(func(t *testing.T, header, data []byte, caps byte) {
		if len(header) < frame.VnetLen || len(data) > frame.MaxLen {
			return
		}
		var fr frame.Frame
		fr.Set(data, 0, len(data))
		fr.Offload.Decode(header)
		c := frame.Caps{Csum: caps&1 != 0, TSO4: caps&2 != 0, TSO6: caps&4 != 0, USO: caps&8 != 0}
		all, r := cut(t, a, &fr, c)
		if r != frame.Forwarded && (r != frame.BadSegment || len(all) > 0) {
			t.Fatalf("%d frames, then %s", len(all), r)
		}
		for i, m := range all {
			if !c.Takes(m.o) || !m.o.Valid(len(m.b)) {
				t.Fatalf("frame %d has %+v to do", i, m.o)
			}
			if fr.Offload.IsGSO() && !m.o.IsGSO() && len(m.b) < wire.EthernetLen+wire.IPv4Len+wire.UDPLen {
				t.Fatalf("frame %d has %d bytes", i, len(m.b))
			}
		}
	})
}

func BenchmarkCut(b *testing.B) {
	for name, caps := range map[string]frame.Caps{"finished": {}, "checksums left": {Csum: true}} {
		b.Run(name, func(b *testing.B) {
			f := (super{mss: 1448, payload: 64000}).frame()
			out := frame.Batch{Arena: arena(b, frame.BatchSize)}
			b.SetBytes(int64(f.Len()))
			for b.Loop() {
				var c Cutter
				c.Start(f, caps)
				for done := false; !done; {
					out.Reset()
					done, _ = c.Next(&out)
				}
			}
		})
	}
}
