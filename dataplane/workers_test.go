package dataplane

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/fdb"
	"ubridge/internal/wire"
)

// crew is a running switch of several workers on in-memory ports.
type crew struct {
	*Worker
	t       *testing.T
	ports   []*memport.Port
	handler *sink
}

// sink is a handler that takes every frame, and as long for it as it is told.
type sink struct {
	taken atomic.Uint64
	hold  chan struct{} // if not nil: receive before each batch
	wrong atomic.Uint64 // frames that are not as they were sent
	next  map[PortID]uint32
}

func (s *sink) FromBridge(c *Cycle, _ BridgeID, in PortID, which []uint16) {
	if s.hold != nil {
		<-s.hold
	}
	for _, i := range which {
		n := sequence(c.Frame(i).Bytes())
		if n < s.next[in] || c.Frame(i).Offload.HdrLen != uint16(n+1) {
			s.wrong.Add(1)
		}
		s.next[in] = n + 1
	}
	s.taken.Add(uint64(len(which)))
}
func (s *sink) FromUplink(*Cycle, PortID, []uint16) {}
func (s *sink) Tick(*Cycle) bool                    { return false }

var self = wire.MAC{2, 0xff, 0, 0, 0, 1}

func newCrew(t *testing.T, workers, ports int) *crew {
	t.Helper()
	c := &crew{t: t, handler: &sink{next: map[PortID]uint32{}}}
	w, err := NewWorker(c.handler, workers)
	if err != nil {
		t.Fatal(err)
	}
	table, err := fdb.New(fdb.Config{Entries: make([]fdb.Entry, 1024), Seed: 1, MaxPorts: 64})
	if err != nil {
		t.Fatal(err)
	}
	c.Worker = w
	w.AddBridge(0, BridgeConfig{FDB: table, Station: self})
	for i := range ports {
		c.ports = append(c.ports, polled(t))
		w.AddPort(PortID(i), 0, "p", c.ports[i])
	}
	return c
}

func polled(t *testing.T) *memport.Port {
	t.Helper()
	p, err := memport.NewPolled(frame.Caps{Csum: true, TSO4: true, TSO6: true, MTU: 1500})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// start runs the switch; stop ends it and waits.
func (c *crew) start() (stop func()) {
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				c.t.Error(err)
			}
		case <-time.After(10 * time.Second):
			c.t.Fatal("the workers do not stop")
		}
	}
}

func vm(n int) wire.MAC { return wire.MAC{2, 0, 0, 0, 0, byte(n)} }

// numbered is a frame that carries its place in a flow.
func numbered(dst, src wire.MAC, n uint32) memport.Frame {
	b := make([]byte, 60)
	e := wire.Ethernet(b)
	e.SetDst(dst)
	e.SetSrc(src)
	e.SetType(0x88b5)
	binary.BigEndian.PutUint32(b[wire.EthernetLen:], n)
	return memport.Frame{Data: b}
}

func sequence(b []byte) uint32 { return binary.BigEndian.Uint32(b[wire.EthernetLen:]) }

func (c *crew) wait(what string, done func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: not after 20 s", what)
		}
	}
}

// TestWorkersLoseAndReorderNothing sends flows between all pairs of ports at once,
// while ports are added, replaced and removed beside them, and workers are gathered and
// spread: each frame arrives once, at its port only, and in the order of its flow.
func TestWorkersLoseAndReorderNothing(t *testing.T) {
	const ports, perFlow, burst = 5, 600, 20
	c := newCrew(t, 3, ports)
	defer c.start()()
	for p := range ports { // all stations become known, so that nothing is flooded
		c.ports[p].Inject(numbered(wire.Broadcast, vm(p), 0))
		c.wait("learning", func() bool { return c.bridges[0].fdb.Len() == p+1 })
	}
	for p := range ports {
		c.wait("broadcasts", func() bool { return c.sent(PortID(p)) == ports-1 })
		c.ports[p].Sent()
	}
	var senders sync.WaitGroup
	for p := range ports {
		senders.Go(func() {
			for n := uint32(0); n < perFlow; n += burst {
				for q := range ports {
					c.ports[p].Inject(flow(p, q, ports, n, burst)...)
				}
			}
		})
	}
	churn, end := context.WithCancel(t.Context())
	var churning sync.WaitGroup
	churning.Go(func() { c.churn(churn, ports) })
	senders.Wait()
	for p := range ports {
		want := uint64(ports-1) * (perFlow + 1)
		c.wait("delivery", func() bool { return c.sent(PortID(p)) >= want })
	}
	end()
	churning.Wait()
	for p := range ports {
		checkFlows(t, p, ports, perFlow, c.ports[p].Sent())
	}
	got, want := c.handler.taken.Load()+c.routerBusy(ports), uint64(ports*perFlow)
	if got != want || c.handler.wrong.Load() != 0 {
		t.Errorf("of %d frames for the handler %d are accounted for, %d of them out of order or damaged", want, got, c.handler.wrong.Load())
	}
}

// routerBusy is how many frames of the ports found the handler's worker busy.
func (c *crew) routerBusy(ports int) (n uint64) {
	for p := range ports {
		_ = c.Do(c.t.Context(), func(w *Worker) {
			info, _ := w.Port(PortID(p))
			n += info.Counters.Drops[frame.RouterBusy]
		})
	}
	return n
}

// flow is a part of the frames from port p to port q; p to itself stands for p
// to the bridge's station.
func flow(p, q, ports int, from, n uint32) (list []memport.Frame) {
	for i := range n {
		f := numbered(vm(q), vm(p), from+i)
		if p == q {
			copy(f.Data, self[:])
			f.Offload = frame.Offload{HdrLen: uint16(from + i + 1)}
		}
		list = append(list, f)
	}
	return list
}

// sent is how many frames went out of a port.
func (c *crew) sent(id PortID) (n uint64) {
	if err := c.Do(c.t.Context(), func(w *Worker) {
		info, _ := w.Port(id)
		n = info.Counters.TxFrames
	}); err != nil {
		c.t.Error(err)
	}
	return n
}

// churn adds, replaces and removes a further port again and again, now by gathered
// workers and now by all.
func (c *crew) churn(ctx context.Context, id PortID) {
	for gather := true; ctx.Err() == nil; gather = !gather {
		first, second := polled(c.t), polled(c.t)
		var old []Port
		_ = c.Do(c.t.Context(), func(w *Worker) { w.AddPort(id, 0, "guest", first) })
		first.Inject(numbered(vm(200), vm(100), 0))
		_ = c.Do(c.t.Context(), func(w *Worker) { w.Gather(gather) })
		_ = c.Do(c.t.Context(), func(w *Worker) { old = append(old, w.ReplacePort(id, second)) })
		_ = c.Do(c.t.Context(), func(w *Worker) { old = append(old, w.RemovePort(id)) })
		for _, p := range old {
			if p == nil || p.Close() != nil {
				c.t.Error("a port was not given back")
			}
		}
	}
}

// checkFlows looks at what port p sent. Frames to the station that churn invents
// are flooded, and are not counted.
func checkFlows(t *testing.T, p, ports int, perFlow uint32, sent []memport.Frame) {
	t.Helper()
	next := make([]uint32, ports)
	for _, f := range sent {
		e := wire.Ethernet(f.Data)
		if e.Dst() == vm(200) {
			continue
		}
		from := int(e.Src()[5])
		if e.Dst() != vm(p) || sequence(f.Data) != next[from] {
			t.Fatalf("port %d sent %s → %s number %d, want number %d of that flow", p, e.Src(), e.Dst(), sequence(f.Data), next[from])
		}
		next[from]++
	}
	for from, n := range next {
		if from != p && n != perFlow {
			t.Errorf("port %d sent %d frames of port %d, want %d", p, n, from, perFlow)
		}
	}
}

// A frame that finds no room on the way to the router is counted, and those that
// found room are routed.
func TestHandoverFull(t *testing.T) {
	c := newCrew(t, 2, 2)
	c.handler.hold = make(chan struct{})
	stop := c.start()
	other := PortID(0)
	if !c.all[1].ports[0].owned {
		other = 1
	}
	const n = 3 * handoverSlots
	for i := uint32(0); i < n; i += 16 {
		for _, f := range flow(0, 0, 1, i, 16) {
			c.ports[other].Inject(f)
		}
	}
	c.wait("receiving", func() bool { return !c.ports[other].Pending() })
	close(c.handler.hold)
	var counts Counters
	c.wait("deciding", func() bool {
		_ = c.Do(t.Context(), func(w *Worker) {
			info, _ := w.Port(other)
			counts = info.Counters
		})
		return counts.RxFrames == n && c.handler.taken.Load()+counts.Drops[frame.RouterBusy] == n
	})
	if counts.Drops[frame.RouterBusy] == 0 || c.handler.taken.Load() < handoverSlots {
		t.Errorf("%d dropped, %d taken", counts.Drops[frame.RouterBusy], c.handler.taken.Load())
	}
	if c.handler.wrong.Load() != 0 {
		t.Errorf("%d frames damaged or out of order", c.handler.wrong.Load())
	}
	stop()
}

// The port that leads to the host's stack, and uplinks, are the first worker's;
// others are spread.
func TestOwners(t *testing.T) {
	c := newCrew(t, 3, 6)
	c.AddPort(6, NoBridge, "uplink", polled(t))
	for _, w := range c.all {
		if n := len(w.active); n != 2 && w.index != 0 {
			t.Errorf("worker %d owns %d ports, want 2", w.index, n)
		}
	}
	for id := range PortID(6) {
		c.SetHostPort(id)
		if !c.all[0].ports[id].owned || !c.all[0].ports[6].owned {
			t.Error("the first worker lacks the host's port or the uplink")
		}
		owners := 0
		for _, w := range c.all {
			if w.ports[id].owned {
				owners++
			}
		}
		if owners != 1 {
			t.Errorf("port %d has %d owners", id, owners)
		}
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}

func TestNumberOfWorkers(t *testing.T) {
	for cpus, want := range map[int]int{1: 1, 2: 1, 7: 1, 8: 2, 16: 4, 128: 8} {
		if got := autoWorkers(cpus); got != want {
			t.Errorf("%d workers on %d CPUs, want %d", got, cpus, want)
		}
	}
	for _, n := range []int{0, -1, MaxWorkers + 1} {
		if w, err := NewWorker(nil, n); err == nil {
			t.Errorf("a switch of %d workers: %v", n, w)
		}
	}
}

func TestPin(t *testing.T) {
	c := newCrew(t, 2, 2)
	if err := c.Pin([]int{1023}); err == nil {
		t.Error("bound to a CPU that is not there")
	}
	if err := c.Pin([]int{0, 0}); err != nil {
		t.Fatal(err)
	}
	stop := c.start()
	c.ports[0].Inject(numbered(wire.Broadcast, vm(0), 0))
	c.wait("a frame", func() bool { return len(c.ports[1].Sent()) == 1 })
	stop()
}

// Without traffic ticks are rare; a frame brings them back.
func TestTicksAreRareWhenIdle(t *testing.T) {
	w, in, _ := replays(t)
	now := w.clock.Now()
	if w.tick(now); w.nextTick != now.Add(now.Until(IdleInterval)) {
		t.Errorf("the next tick of an idle worker is %v ahead", time.Duration(w.nextTick-now))
	}
	in.add(wire.Broadcast, vm(1))
	w.ports[1].ready = true
	w.round()
	if w.tick(now); w.nextTick != now.Add(TickInterval) {
		t.Errorf("the next tick of a busy worker is %v ahead", time.Duration(w.nextTick-now))
	}
}

// TestGather: the first worker receives from all ports, also from new ones, until all
// work again.
func TestGather(t *testing.T) {
	c := newCrew(t, 3, 6)
	c.SetHostPort(0)
	c.Gather(true)
	c.AddPort(6, 0, "new", polled(t))
	if got := c.owns(); !slices.Equal(got, []int{7, 0, 0}) {
		t.Errorf("gathered, workers receive from %d ports", got)
	}
	c.Gather(false)
	if got := c.owns(); !slices.Equal(got, []int{2, 2, 3}) || !c.all[0].ports[0].owned {
		t.Errorf("spread, workers receive from %d ports", got)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}
