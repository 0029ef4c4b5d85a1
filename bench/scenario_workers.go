package bench

import (
	"time"

	"ubridge/bench/traffic"
	"ubridge/internal/testnet"
)

// crew compares one worker of ours with two, where generators leave no CPU idle.
var crew = scenario{
	name: "workers", title: "One worker and two, generators on two CPUs", kind: switching,
	note:    "trafgen, 64-byte frames, as fast as it can: two at a, or one at each end towards the other, which is two input ports and two sinks",
	metrics: floodMetrics,
	peers: []*peer{
		{name: "one", note: "ubridge, the daemon, ports on veths, workers = 1", quick: true, ours: true, build: workers("1")},
		{name: "one-again", note: "the same once more: the noise of this run", quick: true, ours: true, build: workers("1")},
		{name: "two", note: "the same with workers = 2", quick: true, ours: true, build: workers("2")},
	},
	seconds: func(p plan) float64 { return 2 * (p.seconds + 1) },
	run: func(b *bed) {
		b.putFlood("one port", b.flood(stream{macA, []int{60}}, stream{macOther, []int{60}}))
		b.putFlood("two ports", b.floodBothWays())
	},
}

// macOther is a second station behind a.
const macOther = "52:54:00:be:0d:01"

// workers runs the daemon with n workers. Each takes the port that comes when it has the
// fewest: the idle one between them has two workers receive from one endpoint each.
func workers(n string) func(*bed) {
	return func(b *bed) {
		b.config = "workers = " + n + "\n"
		b.veths()
		b.runDaemon()
		b.idlePorts(1, 1)
		for _, port := range []string{"pa", "i1", "pb"} {
			b.ubridge("port", "add", "default", port)
		}
	}
}

// floodBothWays floods a and b by one trafgen at the other one each, on CPUs of their
// own, and measures while that goes on.
func (b *bed) floodBothWays() (f flooded) {
	ways := []struct {
		from, to         *testnet.NS
		source, receiver string
		checker          *traffic.Checker
		sink             *traffic.Sink
		generator        *testnet.Proc
	}{{from: b.a, to: b.b, source: macA, receiver: macB}, {from: b.b, to: b.a, source: macB, receiver: macA}}
	for cpu := range ways {
		w := &ways[cpu]
		w.checker = traffic.FromTrafgen(sampled)
		w.sink = b.sinkAt(w.to, traffic.TrafgenAt, sampled, w.checker)
		w.generator = b.trafgenAt(w.from, cpu, stream{w.source, []int{60}}, w.receiver)
	}
	b.waitForFrames()
	f = b.windowBoth(b.plan.duration())
	for i := range ways {
		end(ways[i].generator)
	}
	for i := range ways {
		ways[i].sink.Stop()
		b.judge(ways[i].checker)
	}
	return f
}

// windowBoth measures what happens at both endpoints within d.
func (b *bed) windowBoth(d time.Duration) (f flooded) {
	count := func() (offered, delivered uint64) {
		for _, n := range []*testnet.NS{b.a, b.b} {
			c := b.counters(n, "eth0")
			offered, delivered = offered+c.TxFrames+c.TxDropped, delivered+c.RxFrames
		}
		return offered, delivered
	}
	offered, delivered := count()
	began := time.Now()
	f.used = b.cpu(func() { b.sleep(d) })
	f.took = time.Since(began)
	nowOffered, nowDelivered := count()
	f.offered, f.delivered = nowOffered-offered, nowDelivered-delivered
	return f
}
