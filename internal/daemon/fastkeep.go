package daemon

import (
	"context"
	"errors"
	"time"

	"ubridge/dataplane"
	"ubridge/internal/hostnet/fastpath"
	"ubridge/internal/wire"
)

const (
	// fastInterval is how often the ages that the kernel has noted are carried over,
	// and what it knows is compared with the forwarding databases.
	fastInterval = time.Second
	// fastRarely is the same where there are more stations than manyStations.
	fastRarely   = 10 * time.Second
	manyStations = 1 << 14
)

// keepStations keeps the kernel's stations true, from when the fast path is opened
// until ctx is cancelled.
func (d *Daemon) keepStations(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-d.fast.opened:
	}
	k := keeper{d: d}
	for next := time.Now(); ; {
		if now := time.Now(); !now.Before(next) {
			next = now.Add(k.tend())
		}
		wait := time.Until(next)
		if len(k.new.list) > 0 {
			wait = min(wait, newInterval)
		}
		select {
		case <-ctx.Done():
			return
		case s := <-d.fast.told:
			s.since = time.Now()
			k.new.list = append(k.new.list, s)
			time.Sleep(newInterval)
		case <-time.After(wait):
		}
		k.settle()
	}
}

// keeper is what keepStations remembers.
type keeper struct {
	d    *Daemon
	new  arrivals
	said bool
}

// settle looks after new stations.
func (k *keeper) settle() {
	now := time.Now()
	if k.new.take(k.d.fast.told, now); len(k.new.list) == 0 {
		return
	}
	if err := k.d.settle(&k.new, now); err != nil {
		k.d.log.Debug("new stations of the fast path", "err", err)
	}
}

// tend looks after all stations and says when to do it again: at a whole second of the
// dataplane's clock, when an idle worker ticks, so that the process wakes once for both.
func (k *keeper) tend() time.Duration {
	d := k.d
	count, err := d.tendStations()
	if err != nil {
		d.log.Debug("stations of the fast path", "err", err)
	}
	if d.fast.full.Load() && !k.said {
		k.said = true
		d.log.Warn("the kernel's table of stations is full: frames of the others go by user space", "stations", count)
	}
	return d.clock.Now().Until(fastEvery(count))
}

// tendStations carries the ages that the kernel has noted over to the forwarding
// databases, and has it forget what those do not know. What was learned elsewhere
// meanwhile, or found no room, is put in again.
func (d *Daemon) tendStations() (count int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fast.path == nil {
		return 0, nil
	}
	nets, ports := d.fastOwners()
	var errs []error
	if d.fast.missed.Swap(false) {
		errs = append(errs, d.addMissed(nets))
	}
	err = d.fast.path.Stations(func(s fastpath.Station) {
		count++
		if !s.Gateway {
			errs = append(errs, d.tendStation(nets[s.Network], ports[s.Ifindex], s))
		}
	})
	d.fast.path.Vouch(d.clock.Now().Add(fastEvery(count) + vouchTime).Seconds())
	return count, errors.Join(append(errs, err)...)
}

// fastEvery is how often so many stations are looked after.
func fastEvery(stations int) time.Duration {
	if stations > manyStations {
		return fastRarely
	}
	return fastInterval
}

// addMissed puts in the stations that were learned when too many waited.
func (d *Daemon) addMissed(nets map[uint16]*network) (err error) {
	for _, n := range nets {
		for _, a := range n.ports {
			err = errors.Join(err, d.addStations(n, dataplane.PortID(a.st.ID)))
		}
		if n.share != nil {
			err = errors.Join(err, d.addStations(n, n.share.nicID))
		}
	}
	return err
}

// fastOwners are the networks and ports on the fast path by what the kernel calls them.
func (d *Daemon) fastOwners() (nets map[uint16]*network, ports map[int]dataplane.PortID) {
	nets, ports = map[uint16]*network{}, map[int]dataplane.PortID{}
	for _, n := range d.nets {
		if n.fast.on {
			nets[n.st.ID] = n
		}
	}
	for id, m := range *d.fast.members.Load() {
		if m.kind != fastpath.Uplink { // which a shared NIC may be too
			ports[m.ifindex] = id
		}
	}
	return nets, ports
}

// tendStation keeps one station true; n is nil where its network is not on the fast
// path any more.
func (d *Daemon) tendStation(n *network, on dataplane.PortID, s fastpath.Station) error {
	mac, now := wire.MAC(s.MAC), d.clock.Now().Seconds()
	if n != nil && !s.Moved && n.fast.table.Refresh(mac, uint16(on), s.Seen, now) {
		return nil
	}
	err := d.fast.path.Forget(s.Network, s.MAC)
	if n == nil {
		return err
	}
	if at, ok := n.fast.table.Lookup(mac, now); ok {
		err = errors.Join(err, d.addStation(n, mac, dataplane.PortID(at), false))
	}
	return err
}
