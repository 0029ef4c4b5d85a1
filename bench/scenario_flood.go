package bench

import (
	"fmt"
	"os"
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
	late               uint64 // delivered when the time was over
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

// stream is what one trafgen sends: frames of these sizes (without FCS) in turn.
type stream struct {
	source string
	sizes  []int
}

// flood floods b by one trafgen for each stream, each on a CPU of its own, and
// measures while it goes on.
func (b *bed) flood(streams ...stream) (f flooded) {
	checker := traffic.FromTrafgen(sampled)
	sink := b.sinkAt(b.b, traffic.TrafgenAt, sampled, checker)
	var generators []*testnet.Proc
	for cpu, s := range streams {
		generators = append(generators, b.trafgen(cpu, s))
	}
	b.waitForFrames()
	f = b.window(b.plan.duration())
	for _, p := range generators {
		end(p)
	}
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

// trafgen floods from a on one CPU, until it is ended or the bed is removed.
func (b *bed) trafgen(cpu int, s stream) *testnet.Proc {
	return b.trafgenAt(b.a, cpu, s, macB)
}

// trafgenAt is trafgen from any endpoint to any station.
func (b *bed) trafgenAt(n *testnet.NS, cpu int, s stream, to string) *testnet.Proc {
	config := filepath.Join(b.lab.Dir(), fmt.Sprintf("trafgen-%d", cpu))
	b.check(writeFile(config, traffic.TrafgenConfig(s.source, to, s.sizes...)))
	// Without --no-sock-mem it would change this machine's sysctls.
	p := b.start(n, "trafgen", "--no-sock-mem", "--dev", "eth0", "--conf", config, "--cpus", "1")
	if cpu > 0 {
		b.move(p, cpu)
	}
	return p
}

// move puts the process that trafgen has forked on another CPU than the first,
// to which it binds itself. Its own way, "--cpus 2", divides by zero.
func (b *bed) move(p *testnet.Proc, cpu int) {
	b.lab.Eventually(10*time.Second, "trafgen moves", func() error {
		b.checkContext()
		child, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.Pid(), p.Pid()))
		if err != nil {
			return err
		}
		pid := strings.TrimSpace(string(child))
		before, err := b.a.Try("taskset", "-p", pid)
		if err != nil || !strings.HasSuffix(strings.TrimSpace(before), " 1") {
			return fmt.Errorf("it has not bound itself yet: %s%v", before, err)
		}
		_, err = b.a.Try("taskset", "-p", "-c", strconv.Itoa(cpu), pid)
		return err
	})
}
