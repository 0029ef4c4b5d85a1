package wire

import (
	"encoding/binary"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"
)

func TestParseTCP(t *testing.T) {
	segment := func(words, have int) []byte {
		b := make([]byte, have)
		b[12] = byte(words) << 4
		return b
	}
	tests := map[string]struct {
		b  []byte
		ok bool
	}{
		"no options":               {segment(5, 20), true},
		"options to the end":       {segment(15, 60), true},
		"with payload":             {segment(6, 1000), true},
		"nineteen bytes":           {segment(5, 20)[:19], false},
		"offset below the minimum": {segment(4, 40), false},
		"offset beyond the bytes":  {segment(6, 23), false},
		"nothing":                  {nil, false},
	}
	for name, tt := range tests {
		if s, ok := ParseTCP(tt.b); ok != tt.ok || ok && len(s) != len(tt.b) {
			t.Errorf("%s: %t, %d bytes", name, ok, len(s))
		}
	}
}

// TestTCPFieldsAsGopacketReadsThem compares every accessor with an independent
// decoder.
func TestTCPFieldsAsGopacketReadsThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "bytes")
		words := rapid.IntRange(5, 15).Draw(t, "words")
		b[12] = b[12]&0x0f | byte(words)<<4
		b = append(b, make([]byte, words*4-20)...) // end-of-list options
		s, ok := ParseTCP(b)
		var want layers.TCP
		if err := want.DecodeFromBytes(b, gopacket.NilDecodeFeedback); !ok || err != nil {
			t.Fatal(ok, err)
		}
		flags := [8]bool{want.FIN, want.SYN, want.RST, want.PSH, want.ACK, want.URG, want.ECE, want.CWR}
		for i, set := range flags {
			if set != (s.Flags()&(1<<i) != 0) {
				t.Fatalf("flag %d is %t", i, !set)
			}
		}
		if s.SrcPort() != uint16(want.SrcPort) || s.DstPort() != uint16(want.DstPort) || s.Seq() != want.Seq ||
			s.Checksum() != want.Checksum || len(s.Options()) != words*4-20 {
			t.Fatalf("% x is misread", b)
		}
		s.SetSeq(0x01020304)
		s.SetFlags(TCPSyn | TCPCwr)
		s.SetChecksum(0x0506)
		if s.Seq() != 0x01020304 || s.Flags() != 0x82 || s.Checksum() != 0x0506 || s.HeaderLen() != words*4 {
			t.Fatalf("% x is miswritten", b)
		}
	})
}

func TestParseUDP(t *testing.T) {
	datagram := func(length, have int) []byte {
		b := make([]byte, have)
		binary.BigEndian.PutUint16(b[4:], uint16(length))
		return b
	}
	tests := map[string]struct {
		b []byte
		n int
	}{
		"whole":                     {datagram(20, 20), 20},
		"padded":                    {datagram(9, 26), 9},
		"no payload":                {datagram(8, 8), 8},
		"longer than the bytes":     {datagram(1400, 100), 100},
		"shorter than its header":   {datagram(7, 20), -1},
		"length zero":               {datagram(0, 20), -1},
		"seven bytes":               {datagram(8, 8)[:7], -1},
		"nothing to read a length ": {nil, -1},
	}
	for name, tt := range tests {
		if u, ok := ParseUDP(tt.b); ok != (tt.n >= 0) || ok && len(u) != tt.n {
			t.Errorf("%s: %t, %d bytes", name, ok, len(u))
		}
	}
}

func TestUDPFields(t *testing.T) {
	u := UDP{0, 53, 0xc0, 1, 0, 10, 0xab, 0xcd, 'h', 'i'}
	if u.SrcPort() != 53 || u.DstPort() != 0xc001 || u.Len() != 10 || u.Checksum() != 0xabcd || string(u.Payload()) != "hi" {
		t.Errorf("% x is misread", []byte(u))
	}
	u.SetLen(0x1122)
	u.SetChecksum(0x3344)
	if u.Len() != 0x1122 || u.Checksum() != 0x3344 {
		t.Errorf("% x is miswritten", []byte(u))
	}
}

func TestICMPErrorsCarryAPacket(t *testing.T) {
	for typ := range 256 {
		m, ok := ParseICMP([]byte{byte(typ), 7, 0xaa, 0xbb, 0x12, 0x34, 0, 0, 'x'})
		if !ok || int(m.Type()) != typ || m.Code() != 7 || m.Checksum() != 0xaabb || m.ID() != 0x1234 || string(m.Embedded()) != "x" {
			t.Fatalf("type %d is misread", typ)
		}
		want := typ == 3 || typ == 4 || typ == 5 || typ == 11 || typ == 12 // RFC 792, RFC 1122 §3.2.2
		if m.IsError() != want {
			t.Errorf("type %d: error %t", typ, m.IsError())
		}
		m.SetChecksum(0x0102)
		if m.Checksum() != 0x0102 {
			t.Error("the checksum is miswritten")
		}
	}
	if _, ok := ParseICMP(make([]byte, 7)); ok {
		t.Error("seven bytes are accepted")
	}
}
