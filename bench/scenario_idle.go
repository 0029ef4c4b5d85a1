package bench

import (
	"fmt"
	"path/filepath"
	"time"

	"ubridge/bench/tool"
)

// idle measures what little traffic costs.
var idle = scenario{
	name: "idle", title: "CPU time at little traffic", kind: switching, rounds: 2,
	note: "64-byte frames that the bench's own generator paces; the machine's time includes the generator and, as in a quiet network,\n" +
		"everything else that runs here",
	metrics: []metric{
		{key: "daemon", title: "CPU time of the daemon, % of one CPU", better: lower, digits: 3, noRatio: true},
		{key: "cpu", title: "CPU time of the machine, % of one CPU", better: lower, digits: 1},
	},
	peers:   []*peer{named(switches, "bridge"), named(switches, "direct"), named(switches, "ubridge"), named(switches, "ubridge-kernel")},
	seconds: func(p plan) float64 { return float64(len(idleRates)) * (idleWindow(p).Seconds() + 0.5) },
	run:     runIdle,
}

// idleRates in frames a second.
var idleRates = []int{0, 1000, 10_000, 100_000}

func idleWindow(p plan) time.Duration {
	if p.full {
		return 3 * p.duration()
	}
	return p.duration()
}

func runIdle(b *bed) {
	for _, rate := range idleRates {
		stop := func() error { return nil }
		if rate > 0 {
			stop = b.sendBeside(b.sender(64-fcs), float64(rate))
		}
		b.sleep(4 * settle)
		column, own, d := fmt.Sprintf("%d frames/s", rate), b.ownTime(), idleWindow(b.plan)
		used := b.cpu(func() { b.sleep(d) })
		if b.daemon != nil {
			b.put("daemon", column, 100*(b.ownTime()-own).Seconds()/d.Seconds())
		}
		b.put("cpu", column, 100*used.Busy.Seconds()/d.Seconds())
		b.check(stop())
	}
}

// ownTime is the processor time of the daemon's threads.
func (b *bed) ownTime() (sum time.Duration) {
	if b.daemon == nil {
		return 0
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", b.daemon.Pid()))
	b.check(err)
	for _, path := range threads {
		t, err := tool.ReadSchedstat(b.readFile(path))
		b.check(err)
		sum += t
	}
	return sum
}
