package dataplane_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/internal/wire"
)

// superframe is a TCP superframe over IPv4 of n bytes of payload, as a guest
// leaves it: the checksum holds the pseudo-header's sum.
func superframe(dst, src wire.MAC, n, size int) memport.Frame {
	const ip, tcp, hdr = 14, 34, 54
	b := ether(dst, src, wire.TypeIPv4, hdr+n)
	clear(b[ip:hdr])
	b[ip] = 0x45
	binary.BigEndian.PutUint16(b[ip+2:], uint16(20+20+n))
	b[ip+8], b[ip+9] = 64, wire.ProtoTCP
	copy(b[ip+12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	binary.BigEndian.PutUint16(b[ip+10:], ^onesSum(b[ip:tcp]))
	binary.BigEndian.PutUint32(b[tcp+4:], 1000)
	b[tcp+12], b[tcp+13] = 5<<4, 0x18 // PSH, ACK
	pseudo := append(bytes.Clone(b[ip+12:ip+20]), 0, wire.ProtoTCP, byte((20+n)>>8), byte(20+n))
	binary.BigEndian.PutUint16(b[tcp+16:], onesSum(pseudo))
	for i := range n {
		b[hdr+i] = byte(i * 7 / 3)
	}
	return memport.Frame{Data: b, Offload: frame.Offload{
		Flags: frame.NeedsCsum, GSO: frame.GSOTCP4, HdrLen: hdr, GSOSize: uint16(size), CsumStart: tcp, CsumOffset: 16,
	}}
}

// onesSum is the folded sum of 16-bit words, not inverted.
func onesSum(b []byte) uint16 {
	s := uint32(0)
	for i, v := range b {
		s += uint32(v) << (8 * (1 - i%2))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// A superframe reaches a port that takes it whole and one that does not in
// segments with finished checksums, from the same flood; segments beyond the
// MTU are dropped before they are cut.
func TestSuperframeThroughTheSwitch(t *testing.T) {
	plain := frame.Caps{MTU: 1500}
	b := newBed(t, fullCaps, fullCaps, plain, frame.Caps{MTU: 1400})
	const n, size = 50000, 1448
	sf := superframe(mac(9), mac(1), n, size)
	b.injectFrames(1, sf)

	whole := b.ports[1].Sent()
	if len(whole) != 1 || !bytes.Equal(whole[0].Data, sf.Data) || whole[0].Offload != sf.Offload {
		t.Errorf("the port that can got %d frames, want the superframe as it was", len(whole))
	}
	wantSegments(t, b.ports[2].Sent(), sf, n, size)
	if got := b.ports[3].Sent(); len(got) != 0 {
		t.Errorf("the port of a smaller MTU got %d frames", len(got))
	}
	if c := b.counters(4); c.Drops[frame.TooBig] != 1 || c.TxFrames != 0 {
		t.Errorf("port of a smaller MTU: %+v", c)
	}
	want := uint64((n + size - 1) / size)
	if c := b.counters(3); c.Segmented != 1 || c.TxFrames != want || c.TxBytes != uint64(n)+54*want {
		t.Errorf("%d segmented, %d frames of %d bytes, want 1, %d", c.Segmented, c.TxFrames, c.TxBytes, want)
	}
}

// counters are those of port p, from 1.
func (b *bed) counters(p int) (c dataplane.Counters) {
	b.t.Helper()
	b.do(func(w *dataplane.Worker) {
		info, _ := w.Port(dataplane.PortID(p))
		c = info.Counters
	})
	return c
}

// wantSegments holds segments to the superframe that they were cut from.
func wantSegments(t *testing.T, got []memport.Frame, sf memport.Frame, n, size int) {
	t.Helper()
	if want := (n + size - 1) / size; len(got) != want {
		t.Fatalf("%d segments, want %d", len(got), want)
	}
	var payload []byte
	for i, s := range got {
		d := s.Data
		pseudo := append(bytes.Clone(d[26:34]), 0, wire.ProtoTCP, byte((len(d)-34)>>8), byte(len(d)-34))
		switch {
		case s.Offload != (frame.Offload{}):
			t.Errorf("segment %d has offload %+v", i, s.Offload)
		case len(d) > 54+size || int(binary.BigEndian.Uint16(d[16:])) != len(d)-14:
			t.Errorf("segment %d of %d bytes says %d", i, len(d)-14, binary.BigEndian.Uint16(d[16:]))
		case binary.BigEndian.Uint32(d[38:]) != uint32(1000+i*size):
			t.Errorf("segment %d has sequence number %d", i, binary.BigEndian.Uint32(d[38:]))
		case onesSum(d[14:34]) != 0xffff || onesSum(append(pseudo, d[34:]...)) != 0xffff:
			t.Errorf("segment %d has a wrong checksum", i)
		case (d[47]&8 != 0) != (i == len(got)-1):
			t.Errorf("segment %d has flags %#x", i, d[47])
		}
		payload = append(payload, d[54:]...)
	}
	if !bytes.Equal(payload, sf.Data[54:]) {
		t.Error("the payload differs")
	}
}
