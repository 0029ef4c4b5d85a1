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
// is put in when user space is done with its port: nothing came for a while, and the
// ring is empty. What user space has sent last may still wait in a processor's backlog
// then, hence the while. On a port that is never done, the station is held instead, so
// that the ring runs empty: what is dropped then would have found it full. Where it does
// not, since others fill it or the worker gets no CPU, user space goes on for longer.
const (
	newStations = 4096                   // that wait to be put in; of more, some are left to later
	newInterval = time.Millisecond       // how often the ports of new stations are looked at
	newPatience = 200 * time.Millisecond // for a port to be done by itself, at first
	maxPatience = time.Minute            // and after some times in which the ring did not run empty
	quietLooks  = 8                      // that find a port quiet, one behind the other, before it is done
	holdAtMost  = 40 * time.Millisecond  // for the ring to run empty
)

// newStation waits to be put in.
type newStation struct {
	n     *network
	mac   wire.MAC
	on    dataplane.PortID
	since time.Time
	held  time.Time // zero while it is not held
	holds int       // in which the ring did not run empty
}

// arrivals are the stations that wait, and what was seen of their ports.
type arrivals struct {
	list  []newStation
	ports map[dataplane.PortID]seenPort
}

// seenPort is what the last look at a port has found.
type seenPort struct {
	came  uint64 // frames that had come to user space
	quiet int    // looks, one behind the other, since which none had come and the ring was empty
}

// look looks at a port again.
func (p seenPort) look(came uint64, idle bool) seenPort {
	if !idle || came != p.came {
		return seenPort{came: came}
	}
	return seenPort{came, p.quiet + 1}
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
	ports := map[dataplane.PortID]seenPort{}
	for _, s := range a.list {
		if _, looked := ports[s.on]; !looked {
			ports[s.on] = a.ports[s.on].look(s.n.lookAt(s.on))
		}
	}
	a.ports = ports
	var errs []error
	rest := a.list[:0]
	for _, s := range a.list {
		stays, err := d.settleOne(&s, ports[s.on].quiet >= quietLooks, now)
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
	case done && !s.held.IsZero():
		return false, d.putStation(d.fast.path.Learn, s.n, s.mac, s.on, false) // at once: what came between would be overtaken
	case done:
		return false, d.addStation(s.n, s.mac, s.on, false)
	case !s.held.IsZero() && now.Sub(s.held) > holdAtMost:
		s.since, s.held, s.holds = now, time.Time{}, s.holds+1
		return true, d.fast.path.Forget(s.n.st.ID, s.mac)
	case !s.held.IsZero() || now.Sub(s.since) < s.patience():
		return true, nil
	}
	s.held = now
	return true, d.addStation(s.n, s.mac, s.on, true)
}

// patience is how long its port may be busy before the station is held.
func (s *newStation) patience() time.Duration {
	return min(newPatience<<min(s.holds, 8), maxPatience)
}

// addStation puts in a station of which the kernel knows nothing, as far as it is still
// where it was said to be.
func (d *Daemon) addStation(n *network, mac wire.MAC, on dataplane.PortID, held bool) error {
	return d.putStation(d.fast.path.Add, n, mac, on, held)
}

// putStation puts a station in by Add or Learn.
func (d *Daemon) putStation(put func(fastpath.Station) error, n *network, mac wire.MAC, on dataplane.PortID, held bool) error {
	ifindex := d.fast.receiver(on)
	if ifindex == 0 {
		return nil
	}
	if err := put(fastpath.Station{Network: n.st.ID, MAC: mac, Ifindex: ifindex, Held: held}); err != nil {
		d.fast.full.Store(true)
		return err
	}
	if at, ok := n.fast.table.Lookup(mac, d.clock.Now().Seconds()); !ok || at != uint16(on) {
		return d.fast.path.Forget(n.st.ID, mac)
	}
	return nil
}
