package bench

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ubridge/bench/tool"
	"ubridge/bench/traffic"
	"ubridge/internal/testnet"
)

// floodMetrics are what every open-loop flood gives.
var floodMetrics = []metric{
	{key: "kpps", title: "delivered, kpps", better: higher, headroom: true},
	{key: "loss", title: "lost, % of offered", better: lower, digits: 1, chart: noChart, noRatio: true},
	{key: "cpu", title: "CPU time of the machine, s/million frames delivered", better: lower, digits: 2},
}

var flood = scenario{
	name: "flood", title: "Flood of 64-byte frames", kind: switching, quick: true,
	note:    "trafgen, one process, as fast as it can; counted by the kernel at b; one frame in 64 checked",
	metrics: floodMetrics,
	seconds: func(p plan) float64 { return p.seconds + 0.4 },
	run: func(b *bed) {
		b.putFlood("64 B", b.flood(stream{macA, []int{60}}))
	},
}

// flooded is what a flood has given.
type flooded struct {
	offered, delivered uint64
	used               tool.Processor
	took               time.Duration
}

func (f flooded) kpps() float64 { return float64(f.delivered) / f.took.Seconds() / 1000 }

// loss in percent. What arrives late in the window may make it negative.
func (f flooded) loss() float64 {
	return max(0, 100*(1-float64(f.delivered)/float64(max(f.offered, 1))))
}

func (f flooded) secondsPerMillion() float64 {
	return f.used.Busy.Seconds() / (float64(max(f.delivered, 1)) / 1e6)
}

func (b *bed) putFlood(column string, f flooded) {
	b.put("kpps", column, f.kpps())
	b.put("loss", column, f.loss())
	b.put("cpu", column, f.secondsPerMillion())
}

// sampled is which frames of a flood are checked: one in so many.
const sampled = 64

// stream is what one process sends: frames of these sizes (without FCS) in turn.
type stream struct {
	source string
	sizes  []int
}

// flood floods b by one process for each stream, each on a CPU of its own, and
// measures while it goes on.
func (b *bed) flood(streams ...stream) (f flooded) {
	checker := traffic.FromTrafgen(sampled)
	sink := b.sinkAt(b.b, traffic.TrafgenAt, sampled, checker)
	generator := b.trafgen(streams)
	b.waitForFrames()
	f = b.window(b.plan.duration())
	end(generator)
	sink.Stop()
	b.judge(checker)
	if checker.Frames == 0 && f.delivered > 100*sampled {
		b.Fatalf("%d frames came, but none that trafgen has sent", f.delivered)
	}
	return f
}

// window measures what happens within d.
func (b *bed) window(d time.Duration) (f flooded) {
	offered, delivered, began := b.offered(), b.counters(b.b, "eth0").RxFrames, time.Now()
	f.used = b.cpu(func() { b.sleep(d) })
	f.took = time.Since(began)
	f.delivered = b.counters(b.b, "eth0").RxFrames - delivered
	f.offered = b.offered() - offered
	return f
}

// offered is how many frames a's device was asked to carry, those that it had
// to refuse included.
func (b *bed) offered() uint64 {
	d := b.counters(b.a, "eth0")
	return d.TxFrames + d.TxDropped
}

// waitForFrames waits until a flood has begun.
func (b *bed) waitForFrames() {
	begin := b.offered()
	b.lab.Eventually(10*time.Second, "the generator begins", func() error {
		b.checkContext()
		if n := b.offered() - begin; n < 1000 {
			return fmt.Errorf("%d frames sent", n)
		}
		return nil
	})
	b.sleep(settle)
}

// trafgen floods from a, until it is ended or the bed is removed.
func (b *bed) trafgen(streams []stream) *testnet.Proc {
	var frames strings.Builder
	for cpu, s := range streams {
		frames.WriteString(traffic.TrafgenConfig(cpu, s.source, macB, s.sizes...))
	}
	config := filepath.Join(b.lab.Dir(), "trafgen")
	b.check(writeFile(config, frames.String()))
	// Without --no-sock-mem it would change this machine's sysctls.
	return b.start(b.a, "trafgen", "--no-sock-mem", "--dev", "eth0", "--conf", config, "--cpus", strconv.Itoa(len(streams)))
}
