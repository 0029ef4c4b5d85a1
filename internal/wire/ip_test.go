package wire

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// ipv4 is a datagram of total bytes with a header of words 32-bit words.
func ipv4(words, total, have int) []byte {
	b := make([]byte, have)
	b[0] = 4<<4 | byte(words)
	binary.BigEndian.PutUint16(b[2:], uint16(total))
	return b
}

func TestParseIPv4(t *testing.T) {
	tests := map[string]struct {
		b      []byte
		n      int // length of the view, -1 for refused
		header int // of ParseIPv4Header, -1 for refused
	}{
		"whole":                        {ipv4(5, 40, 40), 40, 40},
		"padded by Ethernet":           {ipv4(5, 28, 46), 28, 46},
		"with options":                 {ipv4(15, 60, 60), 60, 60},
		"header only":                  {ipv4(5, 20, 20), 20, 20},
		"nineteen bytes":               {ipv4(5, 20, 20)[:19], -1, -1},
		"version 6":                    {append([]byte{0x65}, make([]byte, 30)...), -1, -1},
		"header shorter than the law":  {ipv4(4, 40, 40), -1, -1},
		"header longer than the total": {ipv4(6, 20, 40), -1, 40},
		"header longer than the bytes": {ipv4(15, 60, 40), -1, -1},
		"total longer than the bytes":  {ipv4(5, 41, 40), -1, 40},
		"total zero":                   {ipv4(5, 0, 40), -1, 40},
		"nothing":                      {nil, -1, -1},
	}
	for name, tt := range tests {
		if p, ok := ParseIPv4(tt.b); ok != (tt.n >= 0) || ok && len(p) != tt.n {
			t.Errorf("%s: ParseIPv4 %t, %d bytes", name, ok, len(p))
		}
		if p, ok := ParseIPv4Header(tt.b); ok != (tt.header >= 0) || ok && len(p) != tt.header {
			t.Errorf("%s: ParseIPv4Header %t, %d bytes", name, ok, len(p))
		}
	}
}

func TestIPv4Fields(t *testing.T) {
	p := IPv4{
		0x46, 0xb8, 0, 28, 0x12, 0x34, 0x40, 0, 63, ProtoUDP, 0xab, 0xcd,
		192, 168, 122, 7, 203, 0, 113, 9, 1, 1, 1, 0, 's', 'p', 'o', 'r',
	}
	if p.HeaderLen() != 24 || p.TOS() != 0xb8 || p.TotalLen() != 28 || p.ID() != 0x1234 || p.TTL() != 63 ||
		p.Proto() != ProtoUDP || p.Checksum() != 0xabcd || p.Src() != (IP4{192, 168, 122, 7}) ||
		p.Dst() != (IP4{203, 0, 113, 9}) || string(p.Payload()) != "spor" {
		t.Errorf("fields are misread: % x", []byte(p))
	}
	p.SetID(0x4321)
	p.SetTotalLen(0x0203)
	if p.ID() != 0x4321 || p.TotalLen() != 0x0203 {
		t.Errorf("id %#x, length %#x", p.ID(), p.TotalLen())
	}
}

func TestIPv4Fragments(t *testing.T) {
	tests := []struct {
		field      uint16
		dont, more bool
		offset     int
		fragment   bool
	}{
		{0x0000, false, false, 0, false},
		{0x4000, true, false, 0, false},
		{0x2000, false, true, 0, true},
		{0x00b9, false, false, 1480, true},
		{0x3fff, false, true, 65528, true},
		{0x8000, false, false, 0, false}, // the reserved bit
	}
	for _, tt := range tests {
		p := IPv4(ipv4(5, 20, 20))
		binary.BigEndian.PutUint16(p[6:], tt.field)
		if p.DontFragment() != tt.dont || p.MoreFragments() != tt.more || p.FragmentOffset() != tt.offset || p.IsFragment() != tt.fragment {
			t.Errorf("%#04x: DF %t, MF %t, offset %d, fragment %t", tt.field, p.DontFragment(), p.MoreFragments(), p.FragmentOffset(), p.IsFragment())
		}
	}
}

func TestIPv4SettersKeepTheChecksumTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.IntRange(5, 15).Draw(t, "words")
		b := rapid.SliceOfN(rapid.Byte(), words*4, words*4+20).Draw(t, "bytes")
		b[0] = 4<<4 | byte(words)
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		p, ok := ParseIPv4(b)
		if !ok {
			t.Fatal("refused")
		}
		p.FillChecksum()
		if !p.ChecksumOK() || naiveSum(p[:words*4]) != 0xffff {
			t.Fatal("FillChecksum fills in a wrong one")
		}
		src, dst, ttl := rapid.Uint32().Draw(t, "src"), rapid.Uint32().Draw(t, "dst"), p.TTL()
		p.SetSrc(IP4FromUint32(src))
		p.SetDst(IP4FromUint32(dst))
		p.DecTTL()
		if p.Src().Uint32() != src || p.Dst().Uint32() != dst || p.TTL() != ttl-1 {
			t.Fatal("a setter wrote another value")
		}
		if !p.ChecksumOK() {
			t.Fatalf("checksum %#04x does not hold after the changes", p.Checksum())
		}
		p[1]++
		if p.ChecksumOK() {
			t.Fatal("a changed byte is not noticed")
		}
	})
}

func TestIP4(t *testing.T) {
	a := IP4{10, 0, 0, 255}
	if a.Uint32() != 0x0a0000ff || IP4FromUint32(0x0a0000ff) != a || a.Addr().String() != "10.0.0.255" || a.IsZero() {
		t.Errorf("%v: %#x %s", a, a.Uint32(), a.Addr())
	}
	if !(IP4{}).IsZero() || !(IP4{224, 0, 0, 1}).IsMulticast() || !(IP4{239, 255, 255, 255}).IsMulticast() ||
		(IP4{240}).IsMulticast() || (IP4{223, 255, 255, 255}).IsMulticast() {
		t.Error("zero or multicast is misjudged")
	}
}

func TestParseIPv6(t *testing.T) {
	packet := func(payload, have int) []byte {
		b := make([]byte, have)
		b[0], b[6] = 0x60, ProtoTCP
		binary.BigEndian.PutUint16(b[4:], uint16(payload))
		return b
	}
	tests := map[string]struct {
		b []byte
		n int
	}{
		"whole":                   {packet(20, 60), 60},
		"padded":                  {packet(2, 46), 42},
		"superframe or jumbogram": {packet(0, 65536+40), 65536 + 40},
		"longer than the bytes":   {packet(21, 60), -1},
		"header cut":              {packet(0, 40)[:39], -1},
		"version 4":               {append([]byte{0x45}, make([]byte, 60)...), -1},
		"nothing":                 {nil, -1},
	}
	for name, tt := range tests {
		if p, ok := ParseIPv6(tt.b); ok != (tt.n >= 0) || ok && len(p) != tt.n {
			t.Errorf("%s: %t, %d bytes", name, ok, len(p))
		}
	}
}

func TestIPv6Fields(t *testing.T) {
	p := IPv6(make([]byte, 40))
	for i := range p {
		p[i] = byte(i)
	}
	p.SetPayloadLen(0x1234)
	if p.PayloadLen() != 0x1234 || p.NextHeader() != 6 || len(p.Src()) != 16 || p.Src()[0] != 8 || len(p.Dst()) != 16 || p.Dst()[15] != 39 {
		t.Errorf("fields are misread: % x", []byte(p))
	}
}

func TestTransportLooksThroughExtensionHeaders(t *testing.T) {
	packet := func(next byte, behind ...byte) IPv6 {
		p := make(IPv6, IPv6Len, IPv6Len+len(behind))
		p[0], p[6] = 0x60, next
		return append(p, behind...)
	}
	options := func(next byte, units int) []byte {
		return append([]byte{next, byte(units)}, make([]byte, 6+8*units)...)
	}
	tests := map[string]struct {
		p     IPv6
		proto byte
		off   int
		ok    bool
	}{
		"none":                      {packet(ProtoTCP), ProtoTCP, 40, true},
		"destination options":       {packet(60, options(ProtoUDP, 0)...), ProtoUDP, 48, true},
		"three in a row":            {packet(0, append(append(options(43, 1), options(60, 2)...), options(ProtoTCP, 0)...)...), ProtoTCP, 40 + 16 + 24 + 8, true},
		"a fragment is no further":  {packet(44, ProtoTCP, 0, 0, 1, 0, 0, 0, 0), 44, 40, true},
		"ends before the extension": {packet(0), 0, 0, false},
		"ends at its first byte":    {packet(0, ProtoTCP), 0, 0, false},
		"ends within it":            {packet(0, options(ProtoTCP, 4)[:30]...), 0, 0, false},
	}
	for name, tt := range tests {
		proto, off, ok := tt.p.Transport()
		if ok != tt.ok || ok && (proto != tt.proto || off != tt.off) {
			t.Errorf("%s: protocol %d at %d, %t", name, proto, off, ok)
		}
	}
}
