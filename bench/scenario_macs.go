package bench

import (
	"fmt"
	"time"

	"ubridge/bench/traffic"
)

// macs measures what a full table of stations costs.
var macs = scenario{
	name: "macs", title: "Stations in the MAC table", kind: switching, rounds: 3,
	note: "64-byte frames of the bench's own generator, as fast as it can, to so many stations behind b in turn;\n" +
		"flooded: came to a third port as well, for the station was not known; ubridge with room for 262144 stations",
	metrics: []metric{
		{key: "kpps", title: "delivered, kpps", better: higher, chart: lineChart, axis: "stations", logX: true},
		{key: "cpu", title: "CPU time of the machine, s/million frames delivered", better: lower, digits: 2, chart: noChart},
		{key: "flooded", title: "flooded, % of delivered", better: lower, digits: 1, chart: noChart, noRatio: true},
	},
	peers: []*peer{
		{name: "bridge", note: "the kernel's bridge", build: func(b *bed) {
			b.veths()
			b.idlePorts(1, 1)
			b.mid.Bridge("br0", "pa", "pb", "i1")
		}},
		{name: "ubridge", note: "the daemon, with room for 262144 stations", ours: true, build: func(b *bed) {
			b.network = "stations = 262144\nlearn_limit = 131072\n"
			ubridgeVeth(b)
			b.idlePorts(1, 1)
			b.ubridge("port", "add", "default", "i1")
		}},
		{name: "ubridge-kernel", note: "the same, forwarded by the kernel", ours: true, build: func(b *bed) {
			b.network = "stations = 262144\nlearn_limit = 131072\n"
			b.byKernel(ubridgeVeth, 3)
			b.idlePorts(1, 1)
			b.ubridge("port", "add", "default", "i1")
		}},
	},
	seconds: func(p plan) float64 { return 4*(p.seconds+1.4) + 1.5 },
	run:     runMACs,
}

var stations = []uint64{1, 1000, 10_000, 100_000}

// kernelLearns is how long stations that come by the thousand may take until the
// kernel knows them.
const kernelLearns = 3 * time.Second

// teachRate is how fast stations show themselves, in 1/s.
const teachRate = 100_000

// firstStation is one of those behind b; the others follow.
var firstStation = [6]byte{0x52, 0x55}

func runMACs(b *bed) {
	frame := localFrame()
	toB := localFrame()
	copy(toB[6:], mac(macA)) // b's own would move to a, and be new there
	for _, n := range stations {
		b.exactly(b.varied(b.b, frame, traffic.Sources(firstStation, n)), teachRate, n)
		b.sleep(settle)
		if b.fastPath == "kernel" {
			b.sleep(kernelLearns)
		}
		stop := b.sendBeside(b.varied(b.a, toB, traffic.Destinations(firstStation, n)), unbounded)
		b.sleep(settle)
		before := b.counters(b.mid, "o1").RxFrames
		f := b.window(b.plan.duration())
		flooded := b.counters(b.mid, "o1").RxFrames - before
		b.check(stop())
		b.put("kpps", fmt.Sprint(n), f.kpps())
		b.put("cpu", fmt.Sprint(n), f.secondsPerMillion())
		b.put("flooded", fmt.Sprint(n), 100*float64(flooded)/float64(max(f.delivered, 1)))
	}
}
