package dataplane

import (
	"testing"

	"ubridge/internal/wire"
)

// A worker of many ports looks at those with traffic only, and still hears of a
// frame, of a port that goes down and of one that comes back on any other.
func TestHotPorts(t *testing.T) {
	const ports = 3 * fewPorts
	for _, workers := range []int{1, 2} {
		c := newCrew(t, workers, ports)
		stop := c.start()
		for p := range ports { // all are heard first
			c.ports[p].Inject(numbered(wire.Broadcast, vm(p), 0))
			c.wait("a broadcast", func() bool { return arrived(c, (p+1)%ports, vm(p)) })
		}
		for _, p := range c.ports {
			p.Sent() // the broadcasts that nobody looked at
		}
		for round := range uint32(3) {
			c.wait("ports to become cold", func() bool { return c.hotPorts() == 0 })
			p, q := int(round)*5, ports-1-int(round)
			c.ports[p].Inject(numbered(vm(q), vm(p), round))
			c.wait("a frame", func() bool { return arrived(c, q, vm(p)) })
			if hot := c.hotPorts(); hot > 1 {
				t.Errorf("%d hot ports after a frame on one", hot)
			}
		}
		c.ports[3].SetDown(true)
		c.ports[3].Inject(numbered(vm(4), vm(3), 0)) // wakes nobody: the device is down
		c.ports[3].SetDown(false)
		c.wait("the frame that waited", func() bool { return arrived(c, 4, vm(3)) })
		stop()
	}
}

// Ports come and go while others are cold.
func TestHotPortsAndChanges(t *testing.T) {
	const ports = 2 * fewPorts
	c := newCrew(t, 1, ports)
	defer c.start()()
	var old []Port
	for id := range PortID(ports - fewPorts) {
		_ = c.Do(t.Context(), func(w *Worker) { old = append(old, w.RemovePort(id)) })
	}
	for _, p := range old {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if hot := c.hotPorts(); hot != fewPorts {
		t.Errorf("%d hot ports of %d that are few", hot, fewPorts)
	}
	more := polled(t)
	_ = c.Do(t.Context(), func(w *Worker) { w.AddPort(0, 0, "more", more) })
	more.Inject(numbered(wire.Broadcast, vm(0), 0))
	c.wait("a broadcast", func() bool { return len(c.ports[ports-1].Sent()) == 1 })
}

// arrived reports whether port q has sent a frame of a station since the last
// call.
func arrived(c *crew, q int, from wire.MAC) bool {
	for _, f := range c.ports[q].Sent() {
		if wire.Ethernet(f.Data).Src() == from {
			return true
		}
	}
	return false
}

func (c *crew) hotPorts() (n int) {
	_ = c.Do(c.t.Context(), func(w *Worker) {
		for _, o := range w.all {
			n += len(o.hot)
		}
	})
	return n
}
