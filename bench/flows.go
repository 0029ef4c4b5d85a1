package bench

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"ubridge/bench/traffic"
	"ubridge/internal/testnet"
)

// beyond is an address behind b that nobody has: b drops what comes for it,
// without an answer, for it does not forward.
const beyond = "10.9.1.1"

// flowSources is from how many source ports flows come: that many mappings,
// where a translator maps a source alike for all remotes (RFC 4787 §4.1).
const flowSources = 1000

// flowFrame is a 64-byte frame from a to beyond, whatever the translator has
// given a as address and gateway.
func (b *bed) flowFrame() []byte {
	address := b.in(b.a, "ip", "-4", "-o", "addr", "show", "dev", "eth0")
	_, rest, _ := strings.Cut(address, "inet ")
	own, _, _ := strings.Cut(rest, "/")
	from, err := netip.ParseAddr(own)
	b.check(err)
	frame := traffic.Datagram(mac(b.a.MAC("eth0")), b.gatewayMAC(), from, netip.MustParseAddr(beyond), 64-fcs)
	// Let the way there be found before flows are counted.
	b.exactly(b.varied(b.a, frame, traffic.Flows(8000, 9, 1)), 1000, 3)
	b.sleep(settle)
	return frame
}

// gatewayMAC is where a sends what is not for its subnet: the one neighbour that
// it has by now.
func (b *bed) gatewayMAC() net.HardwareAddr {
	neighbours := b.in(b.a, "ip", "neigh", "show", "dev", "eth0")
	fields := strings.Fields(neighbours)
	for i, f := range fields[:max(len(fields)-1, 0)] {
		if f == "lladdr" {
			return mac(fields[i+1])
		}
	}
	b.Fatalf("a knows no neighbour: %s", neighbours)
	return nil
}

// varied makes a sender, on eth0 of a namespace, of a frame that is varied.
func (b *bed) varied(n *testnet.NS, frame []byte, vary traffic.Vary) *traffic.Sender {
	return b.variedOn(n, "eth0", frame, vary)
}

// variedOn is varied on another device.
func (b *bed) variedOn(n *testnet.NS, device string, frame []byte, vary traffic.Vary) (s *traffic.Sender) {
	b.check(n.Do(func() (err error) {
		s, err = traffic.NewVaried(device, frame, vary)
		return err
	}))
	b.Cleanup(s.Close)
	return s
}

// conntrackRoom is how many flows a fresh namespace can track; far too many
// where the kernel does not say.
func conntrackRoom() uint64 {
	text := firstLine("/proc/sys/net/netfilter/nf_conntrack_max")
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 1 << 62
	}
	return n
}

// untilDelivered sends from a until so many frames have come to b or d is over.
func (b *bed) untilDelivered(s *traffic.Sender, rate float64, most uint64, d time.Duration) (f flooded) {
	offered, delivered, began := b.offered(), b.counters(b.b, "eth0").RxFrames, time.Now()
	var late uint64
	f.used = b.cpu(func() {
		stop := b.sendBeside(s, rate)
		for time.Since(began) < d && f.delivered < most {
			b.sleep(flowPoll)
			f.delivered = b.counters(b.b, "eth0").RxFrames - delivered
		}
		f.took = time.Since(began)
		f.delivered = b.counters(b.b, "eth0").RxFrames - delivered
		b.check(stop())
		b.sleep(settle)
		late = b.counters(b.b, "eth0").RxFrames - delivered - f.delivered
	})
	f.offered, f.late = b.offered()-offered, late
	return f
}

// flowPoll is how often the counter is looked at: rarely against what is
// measured, often against the room that is left in a table.
const flowPoll = 5 * time.Millisecond

// readFile reads a file of the kernel.
func (b *bed) readFile(path string) []byte {
	text, err := os.ReadFile(path)
	b.check(err)
	return text
}

// exactly sends n frames at a rate.
func (b *bed) exactly(s *traffic.Sender, rate float64, n uint64) {
	_, err := s.Count(b.ctx, rate, n)
	b.check(err)
}
