package daemon

import (
	"context"
	"slices"
	"time"

	"ubridge/internal/config"
	"ubridge/internal/hostnet"
)

// adoptAfter is how long a device must have been up without a bridge before it
// is adopted. libvirt puts a tap into its bridge before it brings it up, but
// scripts such as Debian's /etc/qemu-ifup do it the other way round.
const adoptAfter = 300 * time.Millisecond

// adoption follows devices that networks may adopt.
type adoption struct {
	wake chan struct{}         // something has changed
	seen map[int]*adoptionWait // by ifindex; guarded by Daemon.mu, as is what follows

	guests map[int]*portGuest // of devices that are no ports yet, by ifindex
}

// adoptionWait is a device that may be adopted once it has settled.
type adoptionWait struct {
	since time.Time
	said  string // why it was not attached
}

func newAdoption() adoption {
	return adoption{wake: make(chan struct{}, 1), seen: map[int]*adoptionWait{}, guests: map[int]*portGuest{}}
}

// look has devices looked at soon. It does not block.
func (a *adoption) look() {
	select {
	case a.wake <- struct{}{}:
	default: // it will be
	}
}

// runAdoption adopts devices until ctx is cancelled.
func (d *Daemon) runAdoption(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.adoption.wake:
		case <-timer.C:
		}
		d.mu.Lock()
		next := d.adoptSettled(time.Now())
		d.mu.Unlock()
		timer.Reset(next)
	}
}

// adopts reports whether any network that runs or is defined adopts devices.
func (d *Daemon) adopts() bool {
	for _, n := range d.nets {
		if n.def.Adopt.Any() {
			return true
		}
	}
	for _, def := range d.defs {
		if def.Adopt.Any() {
			return true
		}
	}
	return false
}

// adoptSettled adopts the devices that have settled, and tells when the next one
// will have.
func (d *Daemon) adoptSettled(now time.Time) time.Duration {
	next := time.Hour
	if !d.adopts() {
		return next
	}
	devices, err := hostnet.Devices()
	if err != nil {
		d.log.Warn("devices to adopt are not found", "err", err)
		return time.Second
	}
	present := map[int]bool{}
	for _, dev := range devices {
		n := d.adopterOf(dev)
		if n == nil {
			continue
		}
		present[dev.Ifindex] = true
		wait := d.adoption.seen[dev.Ifindex]
		if wait == nil {
			wait = &adoptionWait{since: now}
			d.adoption.seen[dev.Ifindex] = wait
		}
		if left := adoptAfter - now.Sub(wait.since); left > 0 {
			next = min(next, left)
			continue
		}
		d.adoptDevice(n, dev, wait)
	}
	for ifindex := range d.adoption.seen {
		if !present[ifindex] {
			delete(d.adoption.seen, ifindex)
		}
	}
	return next
}

// adopterOf is the network that is to adopt a device, nil for none. The guest's
// MAC goes before the device's name, then the order of the networks' names.
func (d *Daemon) adopterOf(dev hostnet.Device) *network {
	if !dev.Up || dev.Master != "" || dev.Kind != config.KindTap && dev.Kind != config.KindVeth || d.taken(dev) {
		return nil
	}
	names := sortedNames(d.nets)
	for _, name := range names {
		if n := d.nets[name]; dev.Kind == config.KindTap && n.def.Adopt.HasMAC(dev.MAC) {
			return n
		}
	}
	for _, name := range names {
		if n := d.nets[name]; n.def.Adopt.HasDevice(dev.Kind, dev.Name) {
			return n
		}
	}
	return nil
}

// taken reports whether the device is something else to us, or is kept off.
func (d *Daemon) taken(dev hostnet.Device) bool {
	if d.state.port(dev.Name) != nil || slices.Contains(d.state.KeptOff, keptOff{dev.Name, dev.Ifindex}) {
		return true
	}
	for _, st := range d.state.Networks {
		if st.Bridge == dev.Name {
			return true
		}
	}
	for _, def := range d.defs {
		if def.Uplink == dev.Name || slices.Contains(def.Ports, dev.Name) {
			return true
		}
	}
	return false
}

// adoptDevice makes the device a port; why not is said once.
func (d *Daemon) adoptDevice(n *network, dev hostnet.Device, wait *adoptionWait) {
	st, err := d.transientPort(n, dev, byAdoption)
	if err == nil {
		st.Guest = d.adoption.guests[dev.Ifindex]
		err = d.join(n, st)
	}
	if err != nil {
		if wait.said != err.Error() {
			n.log.Warn("device is not adopted", "port", dev.Name, "err", err)
		}
		wait.said = err.Error()
		return
	}
	delete(d.adoption.seen, dev.Ifindex)
	delete(d.adoption.guests, dev.Ifindex)
	d.followGuests(n)
	n.log.Info("device adopted", "port", dev.Name, "mac", dev.MAC.String())
}
