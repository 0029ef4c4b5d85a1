package traffic

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

// Every number is a flow of its own, with right checksums of both headers.
func TestFlows(t *testing.T) {
	f := Datagram(make([]byte, 6), make([]byte, 6), netip.MustParseAddr("192.168.122.10"), netip.MustParseAddr("10.9.1.1"), 60)
	if fold(words(f[headerLen:udpAt], 0)) != 0xffff {
		t.Error("the header's checksum is wrong")
	}
	seen, vary := map[string]bool{}, Flows(10000, 7, 100)
	for number := range uint64(1000) {
		vary(f, number)
		udp := f[udpAt:]
		if fold(words(udp, words(f[headerLen+12:udpAt], 17+uint64(len(udp))))) != 0xffff {
			t.Fatalf("the checksum of %d is wrong", number)
		}
		seen[string(udp[:4])] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d flows", len(seen))
	}
	if remote := binary.BigEndian.Uint16(f[udpTarget:]); remote != 16 {
		t.Errorf("the last remote port is %d", remote)
	}
}

// Two guests have as many flows each, and the checksums are right.
func TestFromTwo(t *testing.T) {
	f := Datagram(make([]byte, 6), make([]byte, 6), netip.MustParseAddr("192.168.122.10"), netip.MustParseAddr("10.9.1.1"), 60)
	seen, vary := map[string]int{}, FromTwo(Flows(10000, 7, 50))
	for number := range uint64(1000) {
		vary(f, number)
		udp := f[udpAt:]
		if fold(words(f[headerLen:udpAt], 0)) != 0xffff || fold(words(udp, words(f[headerLen+12:udpAt], 17+uint64(len(udp))))) != 0xffff {
			t.Fatalf("a checksum of %d is wrong", number)
		}
		seen[netip.AddrFrom4([4]byte(f[headerLen+12:])).String()]++
	}
	if len(seen) != 2 || seen["192.168.122.10"] != 500 || seen["192.168.122.11"] != 500 {
		t.Errorf("frames by guest: %v", seen)
	}
}

func TestStations(t *testing.T) {
	f, base := make([]byte, 60), [6]byte{0x52, 0x54}
	Destinations(base, 300)(f, 299+300)
	Sources(base, 300)(f, 1)
	if !bytes.Equal(f[:12], []byte{0x52, 0x54, 0, 0, 1, 43, 0x52, 0x54, 0, 0, 0, 1}) {
		t.Errorf("% x", f[:12])
	}
}

// TestFlow: whatever the number, it is the same frame.
func TestFlow(t *testing.T) {
	f := Datagram(make([]byte, 6), make([]byte, 6), netip.MustParseAddr("192.168.122.10"), netip.MustParseAddr("10.9.1.1"), 60)
	vary := Flow(9000, 9)
	vary(f, 0)
	first := bytes.Clone(f)
	for _, number := range []uint64{1, 7, 65536, 1 << 40} {
		if vary(f, number); !bytes.Equal(f, first) {
			t.Errorf("frame %d is another one: % x, the first % x", number, f, first)
		}
	}
	if source, remote := binary.BigEndian.Uint16(f[udpSource:]), binary.BigEndian.Uint16(f[udpTarget:]); source != 9000 || remote != 9 {
		t.Errorf("from port %d to %d", source, remote)
	}
}
