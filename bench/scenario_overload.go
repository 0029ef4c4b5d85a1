package bench

import (
	"fmt"

	"ubridge/bench/traffic"
)

// overload measures whether one slow port delays the others.
var overload = scenario{
	name: "overload", title: "Twice saturation, one slow port among sixteen", kind: switching, rounds: 3,
	note: "two of the bench's own generators at a, 64-byte frames, as fast as they can, to a station behind each of 14 ports in turn;\n" +
		"the slow port's device lets 1 Mb/s through (tbf); counted at the other 13",
	metrics: []metric{
		{key: "kpps", title: "delivered to the 13 others, kpps", better: higher},
		{key: "share", title: "delivered to them beside the slow one, % of without", better: higher, digits: 1, chart: noChart, noRatio: true},
		{key: "slow", title: "delivered to the slow one, kpps", better: higher, digits: 1, chart: noChart, noRatio: true},
	},
	peers:   []*peer{named(switches, "bridge"), named(switches, "again"), named(switches, "ubridge")},
	seconds: func(p plan) float64 { return 2*(p.seconds+0.3) + 1 },
	run:     runOverload,
}

// sixteen ports: a's, b's and these.
const overloaded = 14

func runOverload(b *bed) {
	b.idlePorts(1, overloaded)
	b.addIdle(1, overloaded)
	b.sleep(ringPatience)
	frame := localFrame()
	for i := range overloaded {
		station := firstStation
		b.exactly(b.variedOn(b.mid, fmt.Sprintf("o%d", i+1), frame, func(f []byte, _ uint64) {
			traffic.Sources(station, overloaded)(f, uint64(i))
		}), 1000, 1)
	}
	b.sleep(settle)
	before := b.overload(frame)
	b.in(b.mid, "tc", "qdisc", "replace", "dev", fmt.Sprintf("i%d", overloaded), "root", "tbf", "rate", "1mbit", "burst", "2kb", "limit", "32kb")
	beside := b.overload(frame)
	b.put("kpps", "none slow", before.kpps())
	b.put("kpps", "one slow", beside.kpps())
	b.put("share", "one slow", 100*beside.kpps()/before.kpps())
	b.put("slow", "none slow", float64(before.late)/before.took.Seconds()/1000)
	b.put("slow", "one slow", float64(beside.late)/beside.took.Seconds()/1000)
}

// overload floods all stations and counts what comes to all but the last, and
// as late what comes there.
func (b *bed) overload(frame []byte) (f flooded) {
	to := traffic.Destinations(firstStation, overloaded)
	var stops []func() error
	for range 2 {
		stops = append(stops, b.sendBeside(b.varied(b.a, frame, to), unbounded))
	}
	b.sleep(settle)
	fast, slow := b.atStations()
	f = b.window(b.plan.duration())
	fastAfter, slowAfter := b.atStations()
	f.delivered, f.late = fastAfter-fast, slowAfter-slow
	for _, stop := range stops {
		b.check(stop())
	}
	b.sleep(settle)
	return f
}

// atStations are the frames that have come to all stations but the last, and to
// the last.
func (b *bed) atStations() (fast, slow uint64) {
	for i := 1; i < overloaded; i++ {
		fast += b.counters(b.mid, fmt.Sprintf("o%d", i)).RxFrames
	}
	return fast, b.counters(b.mid, fmt.Sprintf("o%d", overloaded)).RxFrames
}

// localFrame is a 64-byte frame that no stack answers.
func localFrame() []byte {
	frame := make([]byte, 64-fcs)
	copy(frame, mac(macA))
	copy(frame[6:], mac(macB))
	frame[12], frame[13] = traffic.EtherType>>8, traffic.EtherType&0xff
	return frame
}
