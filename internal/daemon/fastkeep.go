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
	said := false
	for wait := fastInterval; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(d.clock.Now().Until(wait)):
		}
		count, err := d.tendStations()
		if wait = fastInterval; count > manyStations {
			wait = fastRarely
		}
		if d.fast.full.Load() && !said {
			said = true
			d.log.Warn("the kernel's table of stations is full: frames of the others go by user space", "stations", count)
		}
		if err != nil {
			d.log.Debug("stations of the fast path", "err", err)
		}
	}
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
	err = d.fast.path.Stations(func(s fastpath.Station) {
		count++
		if !s.Gateway {
			errs = append(errs, d.tendStation(nets[s.Network], ports[s.Ifindex], s))
		}
	})
	return count, errors.Join(append(errs, err)...)
}

// fastOwners are the networks and ports on the fast path by what the kernel calls them.
func (d *Daemon) fastOwners() (nets map[uint16]*network, ports map[int]dataplane.PortID) {
	nets, ports = map[uint16]*network{}, map[int]dataplane.PortID{}
	for _, n := range d.nets {
		if n.fast.on {
			nets[n.st.ID] = n
		}
	}
	for id, ifindex := range *d.fast.members.Load() {
		ports[ifindex] = id
	}
	return nets, ports
}

// tendStation keeps one station true; n is nil where its network is not on the fast
// path any more.
func (d *Daemon) tendStation(n *network, on dataplane.PortID, s fastpath.Station) error {
	mac, now := wire.MAC(s.MAC), d.clock.Now().Seconds()
	if n != nil && n.fast.table.Refresh(mac, uint16(on), s.Seen, now) {
		return nil
	}
	err := d.fast.path.Forget(s.Network, s.MAC)
	if n == nil {
		return err
	}
	if at, ok := n.fast.table.Lookup(mac, now); ok {
		err = errors.Join(err, d.addStation(n, mac, dataplane.PortID(at)))
	}
	return err
}
