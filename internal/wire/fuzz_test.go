package wire

import (
	"bytes"
	"testing"
)

// FuzzParse holds the promise of the package: what a Parse function accepts,
// every accessor reads within bounds.
func FuzzParse(f *testing.F) {
	eth := append(make([]byte, 12), 0x81, 0, 0, 1, 0x08, 0)
	f.Add(append(eth, ipv4(5, 48, 48)...))
	f.Add(append(make([]byte, 12), 0x08, 0x06, 0, 1, 8, 0, 6, 4))
	f.Add(append(append(make([]byte, 12), 0x86, 0xdd, 0x60), make([]byte, 60)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < EthernetLen {
			return
		}
		e := Ethernet(b)
		_, off, ok := e.L3()
		if !ok {
			return
		}
		if off > len(b) {
			t.Fatalf("network header at %d of %d bytes", off, len(b))
		}
		readAll(bytes.Clone(b[off:])) // readAll writes checksums
	})
}

func readAll(b []byte) {
	if p, ok := ParseIPv4(b); ok {
		_, _, _, _ = p.ChecksumOK(), p.IsFragment(), p.Src(), p.Dst()
		p.DecTTL()
		readTransports(p.Payload())
	}
	if p, ok := ParseIPv4Header(b); ok {
		p.FillChecksum()
		readTransports(p.Payload())
	}
	if p, ok := ParseIPv6(b); ok {
		_, _, _ = p.Src(), p.Dst(), p.PayloadLen()
		if _, off, ok := p.Transport(); ok {
			readTransports(p[off:])
		}
	}
}

func readTransports(b []byte) {
	if s, ok := ParseTCP(b); ok {
		_, _, _ = s.Options(), s.Checksum(), s[s.HeaderLen():]
	}
	if u, ok := ParseUDP(b); ok {
		_, _ = u.Payload(), u.Checksum()
	}
	if m, ok := ParseICMP(b); ok {
		if inner, ok := ParseIPv4Header(m.Embedded()); ok {
			_ = inner.Payload()
		}
	}
}
