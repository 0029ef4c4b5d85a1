package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"ubridge/bench/traffic"
)

var saturation = scenario{
	name: "saturation", title: "Generators on all CPUs", kind: switching,
	note:    "trafgen, one process on each CPU, each from a source address of its own, 64-byte frames, as fast as they can",
	metrics: floodMetrics,
	seconds: func(p plan) float64 { return p.seconds + 0.4 },
	run: func(b *bed) {
		streams := []stream{{macA, []int{60}}}
		for cpu := 1; cpu < min(runtime.NumCPU(), maxStations); cpu++ {
			streams = append(streams, stream{fmt.Sprintf("52:54:00:be:0d:%02x", cpu), []int{60}})
		}
		b.putFlood(fmt.Sprintf("%d × 64 B", len(streams)), b.flood(streams...))
	},
}

// maxStations are the most stations behind a, for which everybody has room.
const maxStations = 64

var load = scenario{
	name: "load", title: "Delivered by offered load", kind: switching,
	note: "64-byte frames at rates that the bench's own generator paces (up to 64 at a time); a switch that collapses bends down",
	metrics: []metric{
		{key: "kpps", title: "delivered, kpps", better: higher, chart: lineChart, axis: "offered, kpps"},
		{key: "loss", title: "lost, % of offered", better: lower, digits: 1, noRatio: true, chart: lineChart, axis: "offered, kpps"},
		{key: "cpu", title: "CPU time of the machine, s/million frames delivered", better: lower, digits: 2, chart: lineChart, axis: "offered, kpps"},
	},
	without: []string{"again", "bridge-nooff", "ovs", "ovs-tap", "vde"}, // half an hour is short
	rounds:  2,
	seconds: func(p plan) float64 { return float64(len(loads)) * (p.seconds + 0.4) },
	run:     runLoad,
}

// loads in kpps. The first is the one at which costs are compared: every peer
// can carry it.
var loads = []int{100, 200, 300, 400, 600, 800, 1000}

func runLoad(b *bed) {
	for _, kpps := range loads {
		b.putFlood(fmt.Sprint(kpps), b.paced(float64(1000*kpps)))
	}
}

// paced offers 64-byte frames at a rate and measures meanwhile.
func (b *bed) paced(rate float64) flooded {
	checker := &traffic.Checker{Every: sampled}
	sink := b.sinkAt(b.b, traffic.NumberedAt, sampled, checker)
	stop := b.sendBeside(b.sender(64-fcs), rate)
	b.sleep(settle)
	f := b.window(b.plan.duration())
	b.check(stop())
	sink.Stop()
	b.judge(checker)
	return f
}

// sendBeside sends until it is stopped, or the bed is removed.
func (b *bed) sendBeside(s *traffic.Sender, rate float64) (stop func() error) {
	ctx, cancel := context.WithCancel(b.ctx)
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err = s.Send(ctx, rate, time.Hour)
	}()
	stop = func() error {
		cancel()
		<-done
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	b.Cleanup(func() { _ = stop() }) // before the socket is closed
	return stop
}
