package steer

import (
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"

	"ubridge/internal/hostnet/internal/nstest"
)

const (
	shot = 2
	next = 0xffffffff // TC_ACT_UNSPEC, -1
)

// model is what the uplink program must do, written the slow way.
type model struct {
	held      map[[2]int]bool // protocol, port
	fragments map[[2]int]bool // protocol, identification
}

func (m *model) drops(p packet) bool {
	proto := int(p.proto)
	datagram := [2]int{proto, int(p.id)}
	if p.tagged && p.vid != 0 {
		return false
	}
	if p.dst == "10.20.0.5" {
		return true
	}
	if p.dst != hostAddr.String() {
		return false
	}
	if p.offset > 0 {
		return m.fragments[datagram]
	}
	held := m.held[[2]int{proto, int(p.port)}]
	if p.more {
		m.fragments[datagram] = held
	}
	return held
}

// TestUplinkAgainstModel runs the program in the kernel on random packets, with
// random ports held and released between them.
func TestUplinkAgainstModel(t *testing.T) {
	nstest.Root(t)
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.SetOutside([]netip.Addr{hostAddr}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetRouted([]Routed{routedSubnet}); err != nil {
		t.Fatal(err)
	}
	program := s.backend.(*programs).objects.Uplink
	rapid.Check(t, func(t *rapid.T) {
		clear(s.Ports())
		m := &model{held: map[[2]int]bool{}, fragments: map[[2]int]bool{}}
		forget(t, s)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			toggle(t, s, m)
			p := drawPacket(t)
			got, err := program.Run(&ebpf.RunOptions{Data: (&wire{}).encode(t, p)})
			if err != nil {
				t.Fatal(err)
			}
			if want := m.drops(p); (got == shot) != want || got != shot && got != next {
				t.Fatalf("%+v: program says %#x, model drops %v", p, got, want)
			}
		}
	})
}

// forget empties the map of fragments.
func forget(t *rapid.T, s *Steering) {
	fragments := s.backend.(*programs).objects.Fragments
	var key steerDatagram
	var value uint8
	var keys []steerDatagram
	for it := fragments.Iterate(); it.Next(&key, &value); {
		keys = append(keys, key)
	}
	for _, k := range keys {
		if err := fragments.Delete(k); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	drawPort  = rapid.SampledFrom([]uint16{0, 1, 63, 64, 53, 32767, 32768, 61000, 65472, 65535})
	drawProto = rapid.SampledFrom([]layers.IPProtocol{layers.IPProtocolTCP, layers.IPProtocolUDP, layers.IPProtocolSCTP})
)

// toggle holds or releases one port.
func toggle(t *rapid.T, s *Steering, m *model) {
	port, udp := drawPort.Draw(t, "held port"), rapid.Bool().Draw(t, "udp")
	proto, index := int(layers.IPProtocolTCP), TCP
	if udp {
		proto, index = int(layers.IPProtocolUDP), UDP
	}
	word := &s.Ports()[index*WordsPerProtocol+int(port/64)]
	key := [2]int{proto, int(port)}
	m.held[key] = !m.held[key]
	atomic.StoreUint64(word, atomic.LoadUint64(word)^1<<(port%64))
}

func drawPacket(t *rapid.T) packet {
	return packet{
		dst:     rapid.SampledFrom([]string{hostAddr.String(), hostAddr.String(), "10.9.0.7", "10.20.0.1", "10.20.0.5"}).Draw(t, "dst"),
		proto:   drawProto.Draw(t, "protocol"),
		port:    drawPort.Draw(t, "port"),
		options: 4 * rapid.IntRange(0, 10).Draw(t, "option words"),
		offset:  uint16(rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "offset")),
		more:    rapid.Bool().Draw(t, "more"),
		id:      uint16(rapid.IntRange(1, 3).Draw(t, "id")),
	}
}
