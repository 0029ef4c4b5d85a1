package bench

import (
	"fmt"
	"strconv"
	"time"
)

// fcs is the checksum that a wire adds to a frame: sizes are named with it, as
// RFC 2544 does, and made without it.
const fcs = 4

// frameSizes are RFC 2544's for Ethernet.
var frameSizes = []int{64, 128, 256, 512, 1024, 1280, 1518}

// imix is the mix of sizes in the proportion 7:4:1 (RFC 6985 calls such a
// sequence a genome), with the FCS.
var imix = []int{64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 594, 64}

var sizes = scenario{
	name: "sizes", title: "Flood by frame size", kind: switching,
	note: "trafgen, one process, as fast as it can; sizes with FCS; IMIX is 64, 594 and 1518 bytes, 7:4:1",
	metrics: []metric{
		{key: "kpps", title: "delivered, kpps", better: higher, headroom: true, chart: lineChart, axis: "bytes a frame", logX: true},
		{key: "loss", title: "lost, % of offered", better: lower, digits: 1, chart: noChart, noRatio: true},
		{key: "cpu", title: "CPU time of the machine, s/million frames delivered", better: lower, digits: 2, chart: noChart},
	},
	without: []string{"again", "bridge-nooff", "ovs", "ovs-tap", "vde"}, // half an hour is short
	rounds:  2,
	seconds: func(p plan) float64 { return float64(len(frameSizes)+1) * (p.seconds + 0.4) },
	run:     runSizes,
}

func runSizes(b *bed) {
	for _, size := range frameSizes {
		b.putFlood(strconv.Itoa(size), b.flood(stream{macA, []int{size - fcs}}))
	}
	b.putFlood("IMIX", b.flood(stream{macA, withoutFCS(imix)}))
}

// withoutFCS is what is handed to a device.
func withoutFCS(sizes []int) (list []int) {
	for _, size := range sizes {
		list = append(list, size-fcs)
	}
	return list
}

var throughput = scenario{
	name: "rfc2544", title: "Highest rate at a loss", kind: switching,
	note: "RFC 2544 §26.1, trials of at most a second; the bench's own generator, which paces (up to 64 frames at a time)",
	metrics: []metric{
		{key: "kpps", title: "highest rate, kpps", better: higher, headroom: true},
	},
	without: []string{"again", "bridge-nooff", "ovs", "ovs-tap", "vde"}, // half an hour is short
	rounds:  1,
	seconds: func(p plan) float64 { return 2 * (trials + 2) * (p.trial().Seconds() + settle.Seconds() + 0.05) },
	run:     runThroughput,
}

// A search ends when the rate is known to this part of what the generator can
// do, or after so many trials.
const (
	precision = 64
	trials    = 7
)

// losses are the thresholds, in percent.
var losses = []float64{0, 0.1, 0.5}

// trial is the length of one trial of a search.
func (p plan) trial() time.Duration { return min(p.duration(), time.Second) }

func runThroughput(b *bed) {
	for _, size := range []int{64, 1518} {
		s := newSearch(b.try(size))
		for _, percent := range losses {
			b.put("kpps", fmt.Sprintf("%d B, %g %%", size, percent), s.highest(percent)/1000)
		}
	}
}
