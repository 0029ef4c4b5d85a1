package bench

import (
	"fmt"
	"time"

	"ubridge/bench/tool"
	"ubridge/bench/traffic"
)

// natSessions measures what a full table of flows costs.
var natSessions = scenario{
	name: "nat-sessions", title: "One flow beside many", kind: translating, rounds: 2,
	note: fmt.Sprintf("64-byte frames of one UDP flow as fast as the bench's own generator can, beside so many idle flows of two guests; × is mappings × remotes;\n"+
		"memory of nft: growth of the kernel's slabs (SUnreclaim); of ubridge: of the daemon's Pss, with room for 1048576;\n"+
		"nft up to the host's nf_conntrack_max (%s)",
		firstLine("/proc/sys/net/netfilter/nf_conntrack_max")),
	metrics: []metric{
		{key: "kpps", title: "delivered, kpps", better: higher},
		{key: "cpu", title: "CPU time of the machine, s/million frames delivered", better: lower, digits: 2, chart: noChart},
		{key: "bytes", title: "memory, bytes a flow", better: lower},
		{key: "sessions", title: "flows that have come to the other side, of those opened", better: higher, chart: noChart, noRatio: true},
	},
	peers:   []*peer{translator("nft"), millionNAT, millionKernelNAT},
	seconds: func(p plan) float64 { return 9 + 4*(p.seconds+0.2) },
	run:     runNATSessions,
}

// millionNAT is ubridge with a table of a million sessions, of which one guest may
// have half.
var millionNAT = &peer{
	name: "ubridge", note: "the daemon's network \"default\", with room for 1048576 sessions", ours: true,
	build: func(b *bed) {
		b.config = "[nat]\nsessions = 1048576\n"
		ubridgeNAT(b)
	},
}

// millionKernelNAT is the same with the kernel's fast path.
var millionKernelNAT = &peer{
	name: "ubridge-kernel", note: "the same, flows that are established forwarded by the kernel", ours: true,
	build: func(b *bed) {
		b.config = "[nat]\nsessions = 1048576\n"
		ubridgeKernelNAT(b)
	},
}

// sessionSteps are how many flows there are, each a multiple of flowSources.
var sessionSteps = []uint64{1000, 100_000, 250_000, 1_000_000}

// openRate is how fast flows are opened, in 1/s: what all peers can do without
// loss, and fast enough that the first has not timed out when the last comes.
const openRate = 120_000

func runNATSessions(b *bed) {
	frame := b.flowFrame()
	opener := b.varied(b.a, frame, traffic.FromTwo(traffic.Flows(10000, 1, flowSources/2)))
	empty, opened, came := b.flowMemory(), uint64(0), uint64(0)
	for _, n := range sessionSteps {
		if b.daemon == nil && n > conntrackRoom()-1000 {
			break
		}
		before := b.counters(b.b, "eth0").RxFrames
		b.exactly(opener, openRate, n-opened)
		b.sleep(settle)
		opened = n
		came += b.counters(b.b, "eth0").RxFrames - before
		column := fmt.Sprintf("%d (%d × %d)", n, flowSources, n/flowSources)
		b.put("sessions", column, float64(came))
		if n >= 100_000 { // else other memory counts more
			b.put("bytes", column, (b.flowMemory()-empty)/float64(came))
		}
		f := b.oneFlow(frame)
		b.put("kpps", column, f.kpps())
		b.put("cpu", column, f.secondsPerMillion())
	}
}

// oneFlow floods through one flow of its own.
func (b *bed) oneFlow(frame []byte) flooded {
	stop := b.sendBeside(b.varied(b.a, frame, traffic.Flow(9000, 9)), unbounded)
	b.sleep(settle)
	f := b.window(min(b.plan.duration(), time.Second))
	b.check(stop())
	b.sleep(settle) // the rest belongs to nobody's figure
	return f
}

// flowMemory is the memory, in bytes, that holds flows among others.
func (b *bed) flowMemory() float64 {
	if b.daemon != nil {
		return b.pss()
	}
	bytes, err := tool.ReadMeminfo(b.readFile("/proc/meminfo"), "SUnreclaim")
	b.check(err)
	return float64(bytes)
}
