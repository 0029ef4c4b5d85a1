package wire

import (
	"bytes"
	"testing"
)

func TestPortsAreTheFirstFourBytes(t *testing.T) {
	b := []byte{0x12, 0x34, 0x56, 0x78, 0x9a}
	p := Ports(b)
	if p.Src() != 0x1234 || p.Dst() != 0x5678 {
		t.Fatalf("ports %#x, %#x", p.Src(), p.Dst())
	}
	p.SetSrc(0xabcd)
	p.SetDst(0xef01)
	if want := []byte{0xab, 0xcd, 0xef, 0x01, 0x9a}; !bytes.Equal(b, want) {
		t.Fatalf("bytes %x, want %x", b, want)
	}
}

func TestSetIDWritesTheEchoIdentifier(t *testing.T) {
	m := ICMP{8, 0, 1, 2, 3, 4, 5, 6}
	m.SetID(0xbeef)
	if m.ID() != 0xbeef || !bytes.Equal(m, []byte{8, 0, 1, 2, 0xbe, 0xef, 5, 6}) {
		t.Fatalf("message %x", []byte(m))
	}
}
