package daemon

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"ubridge/dataplane"
	"ubridge/internal/gateway"
	"ubridge/internal/hostnet/nexthop"
	"ubridge/internal/wire"
)

const (
	questionRoom = 4096            // destinations that wait to be looked up
	resolveTime  = 3 * time.Second // the kernel gives a neighbour up after three probes
	maxResolving = 256             // destinations whose neighbour is being resolved
	resolveShare = 16              // of them for one port, lest a scan of the dead keep the others out
)

// question is a destination to which a guest on port in sends.
type question struct {
	in  dataplane.PortID
	dst wire.IP4
}

// ask hands a destination to the slow path; it is the router's Resolve.
func (o *wayOut) ask(in dataplane.PortID, dst wire.IP4) bool {
	select {
	case o.questions <- question{in, dst}:
		return true
	default:
		return false
	}
}

// resolving is the destinations that wait for the kernel to resolve a neighbour.
type resolving struct {
	mu     sync.Mutex
	byDst  map[wire.IP4]bool
	byPort map[dataplane.PortID]int
}

func newResolving() *resolving {
	return &resolving{byDst: map[wire.IP4]bool{}, byPort: map[dataplane.PortID]int{}}
}

// begin reports whether a question may wait: it is not asked already, and there
// is room, also in its port's share.
func (r *resolving) begin(q question) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byDst[q.dst] || len(r.byDst) >= maxResolving || r.byPort[q.in] >= resolveShare {
		return false
	}
	r.byDst[q.dst] = true
	r.byPort[q.in]++
	return true
}

func (r *resolving) end(q question) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byDst, q.dst)
	if r.byPort[q.in]--; r.byPort[q.in] == 0 {
		delete(r.byPort, q.in)
	}
}

// runWayOut answers questions until ctx is cancelled: at once where the kernel
// knows the answer. Those that have to wait for a neighbour do so aside, and
// where too many wait the question is lost and asked again, so that a guest that
// scans a network of the dead delays nobody.
func (d *Daemon) runWayOut(ctx context.Context) {
	var waiting sync.WaitGroup
	defer waiting.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-d.out.questions:
			if hop, known, err := d.out.follower.Known(q.dst.Addr()); known {
				d.answer(ctx, q.dst, hop, err)
			} else if d.out.resolving.begin(q) {
				waiting.Go(func() {
					defer d.out.resolving.end(q)
					d.await(ctx, q.dst)
				})
			}
		}
	}
}

// await answers when the next hop's MAC is known, or known not to be.
func (d *Daemon) await(ctx context.Context, dst wire.IP4) {
	limited, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	hop, err := d.out.follower.Resolve(limited, dst.Addr())
	d.answer(ctx, dst, hop, err)
}

// answer tells the router of the way to dst, whose uplink it opens.
func (d *Daemon) answer(ctx context.Context, dst wire.IP4, hop nexthop.Hop, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		d.out.troubles.say(d.log, "next hop is not found", err, "destination", dst.Addr())
	}
	h := routerHop(hop, err)
	if h.State == gateway.HopReady {
		to, inside := d.out.scope.Load().inside[hop.Name]
		h.Virtual, h.Inside, h.Bridge = hop.Virtual, inside, to.bridge
		if !inside || to.masked {
			if h.Port, err = d.openUplink(ctx, hop); err != nil && !errors.Is(err, context.Canceled) {
				d.out.troubles.say(d.log, "uplink is not opened", err, "device", hop.Name)
			}
		}
	}
	d.worker.PostCycle(func(c *dataplane.Cycle) { d.router.SetHop(c, dst, h) })
}

// troubles says each trouble of the slow path once a minute: guests' packets
// bring them about, as often as guests like.
type troubles struct {
	mu   sync.Mutex
	said map[string]time.Time // by message
}

const (
	troubleTime = time.Minute
	maxTroubles = 64 // messages remembered, the least that a minute's log holds
)

func (t *troubles) say(log *slog.Logger, what string, err error, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(t.said, func(_ string, at time.Time) bool { return now.Sub(at) > troubleTime })
	key := what + err.Error()
	if _, again := t.said[key]; again || len(t.said) >= maxTroubles {
		return
	}
	if t.said == nil {
		t.said = map[string]time.Time{}
	}
	t.said[key] = now
	log.Error(what, append(args, "err", err)...)
}
