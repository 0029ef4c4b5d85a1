package daemon

import (
	"errors"
	"time"

	"ubridge/dataplane"
	"ubridge/dataplane/afpacket"
	"ubridge/internal/hostnet/fastpath"
	"ubridge/internal/wire"
)

// A station that was just learned has frames in user space: those behind the one that
// told. Would the kernel send the next ones itself, they would overtake. So a station
// is put in when user space is done with its port: nothing came for a moment, and the
// ring is empty. On a port that is never done, the station is held instead, so that the
// ring runs empty: what is dropped then would have found it full.
const (
	newStations = 4096                  // that wait to be put in; of more, some are left to later
	newInterval = time.Millisecond      // how often the ports of new stations are looked at
	newPatience = time.Second           // for a port to be done by itself
	holdAtLeast = 2 * time.Millisecond  // so that what was on its way is in the ring
	holdAtMost  = 20 * time.Millisecond // a ring that others keep full is not waited for
)

// newStation waits to be put in.
type newStation struct {
	n     *network
	mac   wire.MAC
	on    dataplane.PortID
	since time.Time
	held  time.Time // zero while it is not held
}

// arrivals are the stations that wait, and how many frames had come to user space by
// each of their ports when it was looked at last.
type arrivals struct {
	list []newStation
	came map[dataplane.PortID]uint64
}

// take takes what the workers have told meanwhile.
func (a *arrivals) take(told <-chan newStation, now time.Time) {
	for {
		select {
		case s := <-told:
			s.since = now
			a.list = append(a.list, s)
		default:
			return
		}
	}
}

// settle puts in the stations whose ports are done, and looks after the others.
func (d *Daemon) settle(a *arrivals, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	done, came := map[dataplane.PortID]bool{}, map[dataplane.PortID]uint64{}
	for _, s := range a.list {
		if _, looked := came[s.on]; !looked {
			before, known := a.came[s.on]
			count, idle := s.n.lookAt(s.on)
			came[s.on], done[s.on] = count, known && idle && count == before
		}
	}
	a.came = came
	var errs []error
	rest := a.list[:0]
	for _, s := range a.list {
		stays, err := d.settleOne(&s, done[s.on], now)
		errs = append(errs, err)
		if stays {
			rest = append(rest, s)
		}
	}
	a.list = rest
	return errors.Join(errs...)
}

// lookAt tells how many frames came to user space by a port, and whether that is done
// with them. A port that has no ring, or is gone, is.
func (n *network) lookAt(on dataplane.PortID) (came uint64, idle bool) {
	p := n.ring(on)
	if p == nil {
		return 0, true
	}
	s, err := p.Stats()
	return s.Received + s.Dropped, err != nil || p.Idle()
}

// ring is the packet socket of a port; nil for one that has none.
func (n *network) ring(on dataplane.PortID) *afpacket.Port {
	if n.share != nil && on == n.share.nicID {
		return n.share.nic
	}
	for _, a := range n.ports {
		if dataplane.PortID(a.st.ID) == on {
			return a.port
		}
	}
	return nil
}

// settleOne puts a station in, has it held, or leaves it for later.
func (d *Daemon) settleOne(s *newStation, done bool, now time.Time) (stays bool, err error) {
	switch {
	case d.nets[s.n.name] != s.n || d.fast.device(s.on) == 0:
		return false, nil
	case !s.held.IsZero():
		held := now.Sub(s.held)
		if held < holdAtLeast || held < holdAtMost && !done {
			return true, nil
		}
		return false, errors.Join(d.fast.path.Forget(s.n.st.ID, s.mac), d.addStation(s.n, s.mac, s.on, false))
	case done:
		return false, d.addStation(s.n, s.mac, s.on, false)
	case now.Sub(s.since) < newPatience:
		return true, nil
	}
	s.held = now
	return true, d.addStation(s.n, s.mac, s.on, true)
}

// addStation puts in a station of which the kernel knows nothing, as far as it is still
// where it was said to be.
func (d *Daemon) addStation(n *network, mac wire.MAC, on dataplane.PortID, held bool) error {
	ifindex := d.fast.receiver(on)
	if ifindex == 0 {
		return nil
	}
	if err := d.fast.path.Add(fastpath.Station{Network: n.st.ID, MAC: mac, Ifindex: ifindex, Held: held}); err != nil {
		d.fast.full.Store(true)
		return err
	}
	if at, ok := n.fast.table.Lookup(mac, d.clock.Now().Seconds()); !ok || at != uint16(on) {
		return d.fast.path.Forget(n.st.ID, mac)
	}
	return nil
}
