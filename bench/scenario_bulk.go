package bench

import (
	"fmt"
	"strconv"
	"time"

	"ubridge/bench/tool"
	"ubridge/internal/testnet"
)

// bulkMetrics are what every TCP scenario gives.
var bulkMetrics = []metric{
	{key: "gbps", title: "throughput, Gb/s", better: higher, digits: 1, headroom: true},
	{key: "cpu", title: "CPU time of the machine, s/GB", better: lower, digits: 2},
	{key: "retransmits", title: "retransmits", better: lower, chart: noChart, noRatio: true},
}

var bulk = scenario{
	name: "tcp", title: "Bulk TCP", kind: switching, quick: true,
	note:    "iperf3; > is a to b, < is b to a; MTU 1500, offloads as the peer has them",
	metrics: bulkMetrics, quickRounds: 2,
	seconds: func(p plan) float64 { return float64(len(bulkShapes(p))) * (float64(p.whole()) + 0.3) },
	run:     runBulk,
}

var natBulk = scenario{
	name: "nat-tcp", title: "Bulk TCP through NAT", kind: translating, quick: true,
	note:    "iperf3; > is outwards, < is inwards, on connections opened from inside",
	metrics: bulkMetrics,
	seconds: func(p plan) float64 { return float64(len(natShapes(p))) * (float64(p.whole()) + 0.3) },
	run:     runNATBulk,
}

// shape is one TCP run.
type shape struct {
	streams int
	reverse bool
}

// String names the column: "4 <".
func (s shape) String() string {
	if s.reverse {
		return fmt.Sprintf("%d <", s.streams)
	}
	return fmt.Sprintf("%d >", s.streams)
}

func bulkShapes(p plan) []shape {
	if p.full {
		return []shape{{1, false}, {1, true}, {4, false}, {4, true}, {16, false}}
	}
	return []shape{{1, false}, {4, false}}
}

func natShapes(p plan) []shape {
	if p.full {
		return []shape{{1, false}, {1, true}, {4, false}, {4, true}}
	}
	return []shape{{1, false}}
}

func runBulk(b *bed) {
	for _, s := range bulkShapes(b.plan) {
		b.putBulk(s)
	}
}

func runNATBulk(b *bed) {
	for _, s := range natShapes(b.plan) {
		b.putBulk(s)
	}
}

// putBulk measures one shape.
func (b *bed) putBulk(s shape) { b.putBulkBetween(b.a, b.b, b.target, s, s.String()) }

// putBulkBetween measures one shape between any two, for a column.
func (b *bed) putBulkBetween(client, server *testnet.NS, addr string, s shape, column string) {
	var got tool.Bulk
	used := b.cpu(func() { got = b.iperf3(client, server, addr, s, b.plan.whole()) })
	b.put("gbps", column, got.Gbps)
	b.put("cpu", column, used.Busy.Seconds()/(got.Bytes/1e9))
	b.put("retransmits", column, got.Retransmits)
}

// iperf3 runs one test from a client to a server at an address.
func (b *bed) iperf3(client, at *testnet.NS, addr string, s shape, seconds int) tool.Bulk {
	server := b.start(at, "iperf3", "-s", "-1", "--forceflush")
	defer end(server)
	server.WaitFor("listening", 10*time.Second)
	args := []string{"timeout", strconv.Itoa(seconds + 20), "iperf3", "-c", addr, "-J", "-t", strconv.Itoa(seconds), "-P", strconv.Itoa(s.streams)}
	if s.reverse {
		args = append(args, "-R")
	}
	got, err := tool.ReadIperf3([]byte(b.in(client, args...)))
	b.check(err)
	return got
}
