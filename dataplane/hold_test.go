package dataplane

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"ubridge/dataplane/frame"
	"ubridge/dataplane/loop"
	"ubridge/dataplane/memport"
	"ubridge/fdb"
	"ubridge/internal/wire"
)

// joined is a crew of two guests on ports 0 and 3, and a wire outside of the
// switch between ports 1 and 2, until it is cut.
func joined(t *testing.T, workers int) (c *crew, cut func()) {
	t.Helper()
	c = newCrew(t, workers, 4)
	t.Cleanup(c.start())
	cut = sync.OnceFunc(c.join(1, 2))
	t.Cleanup(cut)
	return c, cut
}

// join carries what is sent to either of two ports to the other, until cut.
func (c *crew) join(x, y int) (cut func()) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			fromX, fromY := c.ports[x].Sent(), c.ports[y].Sent()
			c.ports[y].Inject(fromX...)
			c.ports[x].Inject(fromY...)
			if len(fromX)+len(fromY) == 0 {
				time.Sleep(10 * time.Microsecond)
			}
		}
	}()
	return func() { close(stop); <-ended }
}

func (c *crew) do(fn func(*Worker)) {
	c.t.Helper()
	if err := c.Do(c.t.Context(), fn); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crew) holds() (list []Hold) {
	c.do(func(w *Worker) { list = w.Holds() })
	return list
}

// broken waits for one end of the loop to be held.
func (c *crew) broken() Hold {
	c.t.Helper()
	c.wait("a port held", func() bool { return len(c.holds()) > 0 })
	if list := c.holds(); len(list) != 1 {
		c.t.Fatalf("held: %+v, want one port", list)
	}
	return c.holds()[0]
}

// calm waits until nothing moves any more, and forgets what the guests got.
func (c *crew) calm() {
	c.t.Helper()
	last := uint64(0)
	c.wait("the end of the storm", func() bool {
		time.Sleep(50 * time.Millisecond)
		var now uint64
		c.do(func(w *Worker) {
			for id := range w.ports {
				now += w.counters(PortID(id)).RxFrames
			}
		})
		still := now == last
		last = now
		return still
	})
	c.ports[0].Sent()
	c.ports[3].Sent()
}

func (c *crew) dropped(id PortID, r frame.Reason) (n uint64) {
	c.do(func(w *Worker) { n = w.counters(id).Drops[r] })
	return n
}

func eachCrew(t *testing.T, test func(t *testing.T, workers int)) {
	for name, workers := range map[string]int{"one worker": 1, "three workers": 3} {
		t.Run(name, func(t *testing.T) { test(t, workers) })
	}
}

// One broadcast into a loop is a storm. It ends by itself, the ports are named,
// and the rest of the network goes on as if the loop were not there.
func TestALoopIsBroken(t *testing.T) {
	eachCrew(t, func(t *testing.T, workers int) {
		c, _ := joined(t, workers)
		c.ports[0].Inject(numbered(wire.Broadcast, vm(0), 1))
		h := c.broken()
		if h.Port+h.With != 3 || h.Port == 0 || h.With == 0 {
			t.Errorf("port %d is joined with %d, want 1 and 2", h.Port, h.With)
		}
		c.calm()
		c.wait("what the storm taught being forgotten", func() bool { return c.bridges[0].fdb.Len() == 0 })
		c.ports[3].Inject(numbered(vm(0), vm(3), 2)) // where the storm took vm 0 to is forgotten: flooded
		c.wait("unicast to the other guest", func() bool { return len(c.ports[0].Sent()) == 1 })
		c.ports[0].Inject(numbered(wire.Broadcast, vm(0), 3))
		c.wait("the next broadcast", func() bool { return len(c.ports[3].Sent()) == 1 })
		c.wait("its copy", func() bool { return c.dropped(h.Port, frame.Loop) > 0 })
		c.calm()
		if more := len(c.ports[3].Sent()); more > 0 {
			t.Errorf("%d copies more", more)
		}
		if at, _ := c.bridges[0].fdb.Lookup(vm(0), c.clock.Now().Seconds()); at != 0 {
			t.Errorf("guest 0 is looked for at port %d", at)
		}
	})
}

// The hold ends when the loop gives no more signs, begins anew where it still is,
// and goes with its port. Every beginning and end is counted.
func TestTheHoldEnds(t *testing.T) {
	c, cut := joined(t, 1)
	c.ports[0].Inject(numbered(wire.Broadcast, vm(0), 1))
	h, n := c.broken(), c.HoldChanges()
	age := func(s uint32) {
		c.do(func(w *Worker) {
			w.bridges[0].held = w.bridges[0].held.Add(-time.Minute)
			w.ports[h.Port].hold.heard.Store(w.clock.Now().Seconds() - s)
		})
	}
	age(8)
	time.Sleep(1100 * time.Millisecond) // a tick
	if len(c.holds()) != 1 {
		t.Fatal("the hold ended early")
	}
	age(10)
	c.wait("the end of the hold", func() bool { return len(c.holds()) == 0 })
	c.ports[0].Inject(numbered(wire.Broadcast, vm(0), 2))
	h = c.broken()
	cut()
	c.do(func(w *Worker) { w.ReplacePort(h.Port, polled(t)).Close() })
	c.broken()
	c.do(func(w *Worker) { w.RemovePort(h.Port).Close() })
	if list := c.holds(); len(list) != 0 {
		t.Errorf("held without a port: %+v", list)
	}
	if got := c.HoldChanges() - n; got != 3 {
		t.Errorf("%d changes, want 3", got)
	}
}

// A loop by way of the host's own port, or of the NIC that it shares with guests,
// leaves that one whole.
func TestThePortOfAllIsHeldLast(t *testing.T) {
	for _, guest := range []int{1, 2} {
		c, _ := joined(t, 1)
		c.do(func(w *Worker) { w.SetHostPort(PortID(3 - guest)) })
		c.ports[0].Inject(numbered(wire.Broadcast, vm(0), 1))
		if h := c.broken(); h.Port != PortID(guest) || h.With != PortID(3-guest) {
			t.Errorf("port %d is held, joined with %d, want %d", h.Port, h.With, guest)
		}
		c, _ = joined(t, 1)
		c.do(func(w *Worker) {
			w.SetHostPort(3)
			w.SetPortGroup(3, 9)
			w.SetPortGroup(PortID(3-guest), 9)
		})
		c.ports[0].Inject(numbered(wire.Broadcast, vm(0), 1))
		if h := c.broken(); h.Port != PortID(guest) || h.With != PortID(3-guest) {
			t.Errorf("port %d is held, joined with %d, want %d", h.Port, h.With, guest)
		}
	}
}

// Ports that may learn nobody more are loops' ends all the same.
func TestALoopBetweenFullPorts(t *testing.T) {
	c := newCrew(t, 1, 4)
	table, err := fdb.New(fdb.Config{Entries: make([]fdb.Entry, 64), Seed: 1, MaxPorts: 8, PortLimit: 1})
	if err != nil {
		t.Fatal(err)
	}
	c.bridges[0].fdb = table
	t.Cleanup(c.start())
	for i := range 4 {
		c.ports[i].Inject(numbered(wire.Broadcast, vm(i), 0))
		c.wait("learning", func() bool { return table.Len() == i+1 })
	}
	t.Cleanup(c.join(1, 2))
	c.ports[0].Inject(numbered(wire.Broadcast, vm(0), 1))
	c.broken()
}

// What a held port still carries: frames between its own stations and others that
// are known. It floods nothing, in or out.
func TestAHeldPort(t *testing.T) {
	w, frames := heldPort(t)
	now := w.clock.Now().Seconds()
	b, p := w.bridges[0], w.ports[1]
	for _, c := range []struct {
		name     string
		dst, src wire.MAC
		want     frame.Reason
	}{
		{"broadcast", wire.Broadcast, vm(1), frame.Loop},
		{"unknown unicast", vm(99), vm(1), frame.Loop},
		{"known unicast", vm(2), vm(1), frame.Forwarded},
		{"a new station", vm(2), vm(50), frame.Forwarded},
		{"to the station", self, vm(1), frame.Forwarded},
		{"another port's station", vm(2), vm(3), frame.Loop},
		{"the station's own", vm(2), self, frame.Loop},
		{"no station", vm(2), wire.MAC{}, frame.BadSourceMAC},
	} {
		p.hold.heard.Store(0)
		f := frames.Add(make([]byte, frame.Headroom+60), frame.Headroom, 60)
		copy(f.Bytes(), numbered(c.dst, c.src, 7).Data)
		if got := b.admit(p, f, now); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		strange := c.src == vm(3) || c.src == self
		if sign := p.hold.heard.Load() == now; sign != strange {
			t.Errorf("%s: sign of a loop %t, want %t", c.name, sign, strange)
		}
	}
	// A station that is silent at its port may have moved.
	f := frames.Add(make([]byte, frame.Headroom+60), frame.Headroom, 60)
	copy(f.Bytes(), numbered(vm(2), vm(3), 7).Data)
	if got := b.admit(p, f, now+loop.Fresh+1); got != frame.Forwarded {
		t.Errorf("a station that moved: %s", got)
	}
	b.flood(&w.box, 0, w.ports[2].member())
	if len(w.box.dirty) != 1 || w.box.dirty[0] != 3 {
		t.Errorf("flooded to %d, want port 3", w.box.dirty)
	}
	w.box = outbox{}
	w.box.grow(8)
	if r := b.floodUnknown(&w.box, 0, w.ports[3].member()); r != frame.Forwarded || len(w.box.dirty) != 1 {
		t.Errorf("unknown unicast: %s, to %d", r, w.box.dirty)
	}
}

// heldPort is a switch that does not run, whose port 1 is held; port n has station
// vm(n), and vm(3) is at port 3.
func heldPort(t *testing.T) (*Worker, *frame.Batch) {
	t.Helper()
	w, _, _ := replays(t)
	w.bridges[0].station = self
	w.AddPort(3, 0, "peer", &replay{})
	now := w.clock.Now()
	for n := range 3 {
		w.bridges[0].fdb.Learn(vm(n+1), uint16(n+1), now.Seconds())
	}
	w.setHold(1, &hold{with: 3, since: now})
	return w, &frame.Batch{}
}

// Stations that move are no loop: machines that migrate, all at once; a bond that
// fails over with every station behind it, or that sends by both cards in turn;
// cloned addresses; virtual routers that both think they are the master.
func TestMovesAreNoLoop(t *testing.T) {
	for name, moves := range map[string]func(c *crew){
		"a bridge of 500 fails over": func(c *crew) {
			for port := range 2 {
				for n := range 500 {
					c.ports[port].Inject(numbered(wire.Broadcast, wire.MAC{2, 1, 0, 0, byte(n >> 8), byte(n)}, uint32(n)))
				}
				c.wait("learning", func() bool { return c.bridges[0].fdb.PortLen(uint16(port)) >= 500 })
			}
		},
		"a bond in turn": func(c *crew) {
			for n := range uint32(2000) {
				c.step(int(n%2), numbered(wire.Broadcast, vm(1), n))
			}
		},
		"a bond in turn, unicast that repeats itself": func(c *crew) {
			c.step(3, numbered(wire.Broadcast, vm(3), 0))
			for n := range 1000 {
				c.step(n%2, numbered(vm(3), vm(1), 0))
			}
		},
		"two masters": func(c *crew) {
			for n := range 40 {
				c.step(n%2, numbered(wire.MAC{1, 0, 0x5e, 0, 0, 18}, wire.MAC{0, 0, 0x5e, 0, 1, 1}, 0))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrew(t, 1, 4)
			t.Cleanup(c.start())
			moves(c)
			if list := c.holds(); len(list) > 0 || c.HoldChanges() > 0 {
				t.Errorf("held: %+v", list)
			}
		})
	}
}

// step injects a frame and waits until it is decided.
func (c *crew) step(port int, f memport.Frame) {
	c.t.Helper()
	c.ports[port].Inject(f)
	for c.ports[port].Pending() || c.ports[port].Lent() > 0 {
		runtime.Gosched()
	}
}

// A held port costs no allocation, nor does a station that strays.
func TestAHoldAllocatesNothing(t *testing.T) {
	w, in, out := replays(t)
	far := vm(9)
	for i := range byte(16) {
		in.add(wire.Broadcast, far)
		in.add(far, vm(int(i)))
		out.add(wire.Broadcast, far)
	}
	now := w.clock.Now()
	run := func() {
		w.process(w.ports[1], now)
		w.process(w.ports[2], now)
	}
	w.ports[1].watch.Strayed(nil, now.Seconds())
	run()
	if allocs := testing.AllocsPerRun(1, run); allocs != 0 {
		t.Errorf("straying: %v allocations, want 0", allocs)
	}
	w.setHold(1, &hold{})
	if allocs := testing.AllocsPerRun(1000, run); allocs != 0 {
		t.Errorf("held: %v allocations a batch, want 0", allocs)
	}
	if n := w.ports[1].counters.Drops[frame.Loop]; n == 0 {
		t.Error("nothing was dropped: the test proves nothing")
	}
}

// Of the groups that are reserved for bridges, those are flooded that were asked
// for.
func TestRelay(t *testing.T) {
	lldp := wire.MAC{1, 0x80, 0xc2, 0, 0, 0x0e}
	for _, c := range []struct {
		relay Relay
		want  []wire.MAC
	}{
		{Relay{}, nil},
		{Relay{STP: true}, []wire.MAC{wire.STPGroup, wire.PVSTGroup}},
		{Relay{PAE: true}, []wire.MAC{wire.PAEGroup}},
	} {
		w, in, out := replays(t)
		w.bridges[0].relays = c.relay
		for _, group := range []wire.MAC{wire.STPGroup, wire.PVSTGroup, wire.PAEGroup, lldp} {
			in.add(group, vm(1))
		}
		w.process(w.ports[1], w.clock.Now())
		if dropped := w.ports[1].counters.Drops[frame.Reserved]; out.sent != len(c.want) || int(dropped) != 4-out.sent {
			t.Errorf("%+v: %d flooded and %d dropped, want %s flooded", c.relay, out.sent, dropped, c.want)
		}
	}
}
