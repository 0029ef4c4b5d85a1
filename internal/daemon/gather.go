package daemon

import (
	"context"
	"time"

	"ubridge/dataplane"
	"ubridge/internal/hostnet"
)

const (
	gatherSample = 100 * time.Millisecond // over which the CPUs' idle time is taken
	calmTime     = 2 * time.Second        // without a loaded worker, after which all work again
	noRoom       = 0.05                   // share of the CPUs' time that is idle: senders keep them busy
	room         = 0.3                    // enough of it that one more worker gets a CPU
	atWork       = 0.25                   // share of a worker's time from which it counts
	atLimit      = 0.95                   // of one that can do no more
)

// gatherWorkers has one worker do all the work while the CPUs have no room for more,
// until ctx is cancelled. Workers that are bound to CPUs stay as they are.
func (d *Daemon) gatherWorkers(ctx context.Context) {
	if len(d.worker.Loads()) < 2 || len(d.cfg.WorkerCPUs) > 0 {
		return
	}
	gathered := false
	for {
		var calm <-chan time.Time
		if gathered {
			calm = time.After(calmTime)
		}
		want := false
		select {
		case <-ctx.Done():
			return
		case <-calm:
		case <-d.worker.Busy():
			idle, err := hostnet.IdleShare(ctx, gatherSample)
			if err != nil {
				d.log.Warn("all workers work even where the CPUs have no room for them", "err", err)
				return
			}
			want = wantGathered(gathered, idle, d.worker.Loads())
		}
		if want != gathered {
			gathered = want
			d.log.Debug("workers", "gathered", gathered)
			d.worker.Post(func(w *dataplane.Worker) { w.Gather(want) })
		}
	}
}

// wantGathered judges what is better, given how much of the CPUs is idle. Where one
// worker has time for the work of all, or nobody else has any, it does; workers that are
// paced have little to do in each batch, and less in larger ones. One that is at its limit
// needs help, if there is a CPU for it.
func wantGathered(gathered bool, idle float64, loads []dataplane.Load) bool {
	if gathered {
		return idle < room || loads[0].Share < atLimit || loads[0].Paced
	}
	working, work, paced := 0, 0.0, true
	for _, l := range loads {
		if l.Share >= atWork {
			working, paced = working+1, paced && l.Paced
		}
		work += l.Share
	}
	return working > 0 && idle < noRoom && (working == 1 || paced || work < atLimit)
}
