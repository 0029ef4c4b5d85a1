package bench

import (
	"fmt"
	"slices"
	"time"

	"ubridge/bench/traffic"
)

// natFlows measures what a translator does for the first packet of a flow.
var natFlows = scenario{
	name: "nat-flows", title: "New UDP flows through NAT", kind: translating, quick: true,
	note: fmt.Sprintf("64-byte frames of the bench's own generator, each of a flow of its own, from %d source ports of two guests together; at full rate for half a second,\n"+
		"or until 42 %% of what the host's nf_conntrack_max allows have come", flowSources),
	metrics: []metric{
		{key: "kflows", title: "new flows delivered, k/s", better: higher, digits: 1},
		{key: "loss", title: "lost, % of offered", better: lower, digits: 1, chart: noChart, noRatio: true},
		{key: "cpu", title: "CPU time of the machine, µs/new flow", better: lower, digits: 2},
	},
	peers:       []*peer{translator("nft"), translator("nft-again"), translator("ubridge"), translator("pasta"), translator("gvproxy")},
	quickRounds: 1,
	seconds:     func(plan) float64 { return 1.5 },
	run:         runNATFlows,
}

// translator finds one by its name.
func translator(name string) *peer { return named(translators, name) }

// named finds a peer; one that is not there is a mistake of a scenario.
func named(list []*peer, name string) *peer {
	return list[slices.IndexFunc(list, func(p *peer) bool { return p.name == name })]
}

// pacedFlows is a rate that the kernel can do, in 1/s.
const pacedFlows = 200_000

func runNATFlows(b *bed) {
	most := min(110_000, conntrackRoom()*42/100)
	frame := b.flowFrame()
	for i, rate := range []float64{unbounded, pacedFlows} {
		first := uint16(10000 + i*flowSources)
		f := b.untilDelivered(b.varied(b.a, frame, traffic.FromTwo(traffic.Flows(first, 1, flowSources/2))), rate, most, time.Second/2)
		column := "full rate"
		if rate == pacedFlows {
			column = fmt.Sprintf("%d k/s offered", pacedFlows/1000)
		}
		b.put("kflows", column, f.kpps())
		f.delivered += f.late
		b.put("loss", column, f.loss())
		b.put("cpu", column, f.secondsPerMillion())
	}
}
