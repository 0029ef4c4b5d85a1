package dataplane

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
	"ubridge/dataplane/loop"
)

const (
	// TickInterval is how often the handler's Tick runs and tables are aged while
	// there is traffic.
	TickInterval = 100 * time.Millisecond

	// IdleInterval is the same while there is none: the ages in the tables are in
	// seconds.
	IdleInterval = time.Second

	// spinTime is how long a worker looks for new frames before it sleeps. A
	// wakeup costs 15–35 µs on the reference machine (proofs.md, baseline trap
	// 3); spinning as long as one wakeup at most doubles the cost of a gap.
	spinTime = 20 * time.Microsecond

	// pollEvery is how many rounds a busy worker makes before it looks at the
	// descriptors of ports that do not show their frames in memory.
	pollEvery = 8

	// arenaBuffers bounds the memory of frames outside of rings: a full batch
	// received into the arena, one cut, one originated, and what waits for a
	// next hop or a first fragment.
	arenaBuffers = 4 * frame.BatchSize

	// expireBudget is how many table entries one tick looks at.
	expireBudget = 4096
)

// port is one worker's view of a Port: every worker has one of each port, and
// sends through it; the worker that owns the port receives from it as well.
type port struct {
	Port
	tx       frame.Sender // this worker's way to send
	id       PortID
	bridge   BridgeID
	group    uint8 // split-horizon group on the bridge, 0 for none
	name     string
	owned    bool  // by this worker
	up       bool  // the last Receive did not say ErrDown; the owner's
	ready    bool  // poll reported frames; the owner's
	looped   bool  // watch found a loop; the owner's
	hold     *hold // while it is one end of a loop
	learned  learned
	found    found
	counters Counters   // what this worker did with the port
	before   uint64     // RxFrames at the last tick; the owner's
	watch    loop.Watch // for signs of a loop; the owner's
}

// Counters count what a port did. Frames and bytes are as on the wire of the
// port: a superframe counts once, with its whole length.
type Counters struct {
	RxFrames, RxBytes uint64 // received by ubridge from the port
	TxFrames, TxBytes uint64 // sent by ubridge through the port
	Segmented         uint64 // frames cut or finished in software for this port
	LearnLimited      uint64 // sources not learned since the port is at its limit
	Drops             frame.Drops
}

// Worker owns ports and runs frames from receive to transmit.
type Worker struct {
	index   int
	all     []*Worker // the workers of the switch; the first one is all[0]
	led     []*Worker // the others, which the first one leads; its only
	clock   Clock
	handler Handler // the first worker's; nil at the others
	arena   *frame.Arena
	ports   []*port   // by PortID; nil where free
	active  []*port   // those that this worker owns
	hot     []*port   // of these, those that have traffic
	bridges []*Bridge // by BridgeID; nil where free; the same for all workers

	batch    frame.Batch // what was received
	cutBatch frame.Batch // what software segmentation made
	ownBatch frame.Batch // what the handler originated
	box      outbox
	ownBox   outbox
	cycle    Cycle
	own      Cycle
	internal port // stands for "no port" in cycles that no port began
	classes  classes
	touched  uint64 // keeps what touch reads from being left out as of no use

	poll     poller
	load     load
	shown    shownLoad
	nextTick Time
	calm     bool        // nothing waited for the last tick
	quiet    bool        // nothing waited for the last two
	traffic  bool        // since the last tick
	handover *handover   // of frames for the handler; nil at the first worker
	pinned   unix.CPUSet // the CPU that Run binds it to; empty for none

	// The first worker's only.
	commands commands
	barrier  barrier
	gathered bool          // it receives from all ports, see Gather
	busy     chan struct{} // see Busy
	holds    []PortID      // ports that are held
	held     atomic.Uint64 // see HoldChanges
}

// newWorker makes a worker without ports.
func newWorker() (*Worker, error) {
	arena, err := frame.NewArena(arenaBuffers)
	if err != nil {
		return nil, err
	}
	w := &Worker{clock: NewClock(), arena: arena}
	w.poll.cold.fd = -1
	if err := w.poll.bell.open(); err != nil {
		return nil, errors.Join(err, arena.Close())
	}
	w.batch.Arena, w.cutBatch.Arena, w.ownBatch.Arena = arena, arena, arena
	w.internal = port{id: NoPort, bridge: NoBridge, name: "router"}
	w.cycle = Cycle{w: w, box: &w.box, Batch: &w.batch, in: &w.internal}
	w.own = Cycle{w: w, box: &w.ownBox, Batch: &w.ownBatch, in: &w.internal}
	return w, nil
}

// Run runs all workers until ctx is cancelled, the first one on the calling
// goroutine, then closes all ports. It is called on the first worker.
func (w *Worker) Run(ctx context.Context) error {
	defer w.bind()()
	stop := context.AfterFunc(ctx, w.poll.bell.ring)
	defer stop()
	join := w.runOthers()
	for ctx.Err() == nil {
		w.commands.run(w)
		w.round()
	}
	join()
	return w.close()
}

// round serves every port once and sleeps when none had anything to do for a
// while.
func (w *Worker) round() {
	now := w.clock.Now()
	w.load.begin(now)
	if now >= w.nextTick {
		w.tick(now)
	}
	busy := w.serve(now)
	w.load.end(busy)
	if busy {
		w.hurry(now)
		if w.quiet {
			w.quiet = false
			w.poll.doze.end()
		}
		w.poll.busyUntil, w.poll.paused = now.Add(spinTime), false
		if w.poll.rounds++; w.poll.rounds%pollEvery == 0 {
			w.wait(0)
		}
		return
	}
	if w.load.paced && !w.poll.paused {
		w.poll.paused = true
		pause()
		return
	}
	if now < w.poll.busyUntil && !w.load.high {
		w.wait(0)
		return
	}
	w.sleep(time.Duration(w.nextTick - now))
}

// hurry notes that there is traffic. After a silence the next tick is far, but what
// follows from the load is to be known soon.
func (w *Worker) hurry(now Time) {
	w.traffic = true
	if soon := now.Add(TickInterval); w.nextTick > soon {
		w.nextTick = soon
		w.load.restart(now)
	}
}

// serve runs one batch of every port that has frames, and of what the other
// workers handed over.
func (w *Worker) serve(now Time) (busy bool) {
	for _, o := range w.led {
		busy = w.takeOver(o.handover, now) || busy
	}
	for _, p := range w.hot {
		if p.ready || p.Pending() {
			p.ready = w.process(p, now)
			busy = true
		}
	}
	return busy
}

// process runs one batch of p from receive to transmit. It reports whether the
// batch was full, so that more frames may wait.
func (w *Worker) process(p *port, now Time) (more bool) {
	err := p.Receive(&w.batch, &p.counters.Drops)
	p.up = !errors.Is(err, frame.ErrDown)
	if w.batch.N > 0 {
		w.load.received(w.batch.N)
		w.dispatch(p, now)
		w.flush(&w.box, &w.batch)
		w.flushOwn()
	}
	if p.looped {
		w.report(p)
	}
	more = w.batch.N > 0
	p.Release()
	w.batch.Reset()
	return more
}

// dispatch decides every frame of the batch.
func (w *Worker) dispatch(p *port, now Time) {
	w.cycle.in, w.cycle.Now = p, now
	if p.bridge == NoBridge {
		w.countRx(p)
		w.handler.FromUplink(&w.cycle, p.id, identity[:w.batch.N])
		return
	}
	b := w.bridges[p.bridge]
	c := w.classify(p, b, now.Seconds())
	w.touch(b, p, c.unicast.all())
	for _, i := range c.unicast.all() {
		if r := w.deliver(b, &w.box, &w.batch, i, p, p.member(), now.Seconds()); r != frame.Forwarded {
			p.counters.Drops[r]++
		}
	}
	for _, i := range c.flood.all() {
		b.flood(&w.box, i, p.member())
	}
	switch {
	case c.station.n == 0:
	case w.index == 0:
		w.handler.FromBridge(&w.cycle, p.bridge, p.id, c.station.all())
	default:
		w.handOver(p, c.station.all())
	}
}

// touch lets the table's places of all destinations of a batch be fetched at once.
func (w *Worker) touch(b *Bridge, p *port, which []uint16) {
	for _, i := range which {
		if dst := w.batch.Frames[i].Ethernet().Dst(); dst != p.found.dst {
			w.touched ^= b.fdb.Touch(dst)
		}
	}
}

func (w *Worker) countRx(p *port) {
	p.counters.RxFrames += uint64(w.batch.N)
	for i := range w.batch.N {
		p.counters.RxBytes += uint64(w.batch.Frames[i].Len())
	}
}

// originate lends the handler a frame of its own, sending what it originated
// before when the batch is full.
func (w *Worker) originate() (uint16, *frame.Frame) {
	if w.ownBatch.Full() {
		w.flushOwn()
	}
	buf := w.ownBatch.Take()
	if buf == nil {
		return 0, nil
	}
	f := w.ownBatch.Add(buf, frame.Headroom, 0)
	return uint16(w.ownBatch.N - 1), f
}

func (w *Worker) flushOwn() {
	if w.ownBatch.N == 0 {
		return
	}
	w.flush(&w.ownBox, &w.ownBatch)
	w.ownBatch.Reset()
}

// tick asks ports that were down whether they are back; the first worker also
// ages the tables and lets the handler do what is due. The next tick is far where
// nothing waits for it.
func (w *Worker) tick(now Time) {
	waiting := w.traffic
	w.traffic = false
	w.showLoad(w.load.judge(now))
	for _, p := range w.active {
		if !p.up {
			p.ready, waiting = true, true
		}
	}
	w.cool()
	if w.index == 0 {
		waiting = w.age(now) || waiting
	}
	w.quiet = !waiting && w.calm
	w.calm = !waiting
	if w.nextTick = now.Add(now.Until(IdleInterval)); waiting {
		w.nextTick = now.Add(TickInterval)
	}
}

// age ages the tables and runs the handler's Tick.
func (w *Worker) age(now Time) (waiting bool) {
	for _, b := range w.bridges {
		if b != nil {
			b.fdb.Expire(now.Seconds(), expireBudget)
		}
	}
	waiting = w.watchHolds(now)
	if w.handler != nil {
		w.cycle.in, w.cycle.Now = &w.internal, now
		waiting = w.handler.Tick(&w.cycle) || waiting
		w.flushOwn()
	}
	return waiting
}
