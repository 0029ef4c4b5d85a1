package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/steer"
)

// Restore implements api.Backend: it stops what uses the NIC and takes off it
// what is left.
func (b backend) Restore(_ context.Context, nic string) (api.Restored, error) {
	d := b.d
	d.mu.Lock()
	defer d.mu.Unlock()
	dev, err := nicToRestore(nic)
	if err != nil {
		return api.Restored{}, err
	}
	out := api.Restored{NIC: nic}
	for _, name := range sortedNames(d.nets) {
		if n := d.nets[name]; d.uses(n, dev) {
			err = errors.Join(err, d.stopNetwork(n), d.endTransient(name))
			out.Removed = append(out.Removed, "network "+name+", which is stopped now")
		}
	}
	d.setPolicy()
	if st := d.state.port(nic); st != nil {
		err = errors.Join(err, d.dropPort(st))
		out.Removed = append(out.Removed, "port of network "+st.Network)
	}
	rest, restErr := restoreNIC(dev, d.dropUplink(dev), strayNICs(d.state, dev))
	out.Removed = append(out.Removed, rest...)
	return out, errors.Join(err, restErr, d.state.save())
}

func nicToRestore(nic string) (hostnet.Device, error) {
	if err := config.CheckDevice(nic); err != nil {
		return hostnet.Device{}, api.Errorf(api.Usage, "%v", err)
	}
	dev, err := hostnet.DeviceInfo(nic)
	if errors.Is(err, hostnet.ErrNoDevice) {
		return dev, api.Errorf(api.NotFound, "there is no NIC %s on this host: see `ip link`", nic)
	}
	return dev, err
}

// uses reports whether a running network's guests are on a device or leave by it.
func (d *Daemon) uses(n *network, dev hostnet.Device) bool {
	if n.share != nil {
		return n.share.on(dev, n.def.Uplink)
	}
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	return n.def.Routed() && (n.def.Uplink == "" || n.def.Uplink == dev.Name) && d.out.uplinks[dev.Ifindex] != nil
}

// dropPort detaches a port and forgets it.
func (d *Daemon) dropPort(st *portState) error {
	d.state.removePort(st.Name)
	n := d.nets[st.Network]
	if n == nil || n.ports[st.Name] == nil { // it does not run, or is starting
		return d.letGo(st)
	}
	a := n.ports[st.Name]
	delete(n.ports, st.Name)
	defer d.portEvent(n, st.Name, "removed")
	return d.detach(n, a)
}

// dropUplink closes the uplink on a device and gives the records of it, which it
// forgets.
func (d *Daemon) dropUplink(dev hostnet.Device) (records []nicRecord) {
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	if u := d.out.uplinks[dev.Ifindex]; u != nil {
		d.closeUplink(u)
		delete(d.out.uplinks, dev.Ifindex)
	}
	records = uplinksOn(d.out.records, dev)
	d.ended("uplinks", d.out.forget(dev.Ifindex))
	return records
}

// uplinksOn are the records of a device that guests' packets left by.
func uplinksOn(all []uplinkRecord, dev hostnet.Device) (records []nicRecord) {
	for _, r := range all {
		if r.Before.Ifindex == dev.Ifindex {
			records = append(records, nicRecord{Before: r.Before, HadClsact: r.HadClsact})
		}
	}
	return records
}

// strayNICs are the records of a device that was shared, which it forgets.
func strayNICs(s *state, dev hostnet.Device) (records []nicRecord) {
	for _, st := range s.Networks {
		if st.NIC != nil && st.NIC.Before.Ifindex == dev.Ifindex {
			records = append(records, *st.NIC)
			st.NIC = nil
		}
	}
	return records
}

// restoreNIC takes all that is ubridge's off a device, whoever left it there, and
// puts back what the records tell of.
func restoreNIC(dev hostnet.Device, records ...[]nicRecord) (removed []string, err error) {
	forward := steer.HasForward(dev.Ifindex)
	removed, err = steer.Sweep(dev.Ifindex)
	all := slices.Concat(records...)
	if forward && len(all) == 0 { // nobody knows how it was before
		all = []nicRecord{{Before: hostnet.Uplink{Name: dev.Name, Ifindex: dev.Ifindex}, HadClsact: true, Promiscuous: true}}
	}
	for _, r := range all {
		if on, promErr := hostnet.Promiscuous(dev.Ifindex); on && promErr == nil && r.Promiscuous {
			removed = append(removed, "promiscuous mode")
		}
		err = errors.Join(err, r.detach(), sweep(dev.Ifindex, r.HadClsact))
		before, lroErr := hostnet.SnapshotUplink(dev.Name)
		if lroErr == nil && r.Before.LRO && !before.LRO {
			lroErr = hostnet.RestoreUplink(r.Before)
			removed = append(removed, "LRO off, which is on again")
		}
		err = errors.Join(err, lroErr)
	}
	return removed, err
}

// RestoreNIC is Restore while no daemon runs: what one left on a NIC is known by
// its name, and what was changed beside that by the state directory, which may be
// gone.
func RestoreNIC(cfg config.Daemon, nic string) (api.Restored, error) {
	out := api.Restored{NIC: nic}
	dev, err := nicToRestore(nic)
	if err != nil {
		return out, err
	}
	if checkPrivileges() != nil {
		return out, api.Errorf(api.Permission, "where no daemon runs, net restore needs CAP_NET_ADMIN and CAP_NET_RAW: sudo ubridge net restore %s", nic)
	}
	lock, s, uplinks, err := deadState(cfg)
	if err != nil {
		return out, err
	}
	if lock != nil {
		defer lock.release()
	}
	var portErr error
	if st := s.port(nic); st != nil && st.Before != nil && st.Before.Ifindex == dev.Ifindex {
		portErr = hostnet.Restore(*st.Before)
		out.Removed = append(out.Removed, "port of network "+st.Network)
	}
	rest, err := restoreNIC(dev, uplinksOn(uplinks, dev), strayNICs(s, dev))
	out.Removed = append(out.Removed, rest...)
	return out, errors.Join(portErr, err)
}

// deadState reads what a daemon that is dead has noted of this boot. The lock is
// nil where there is no state directory. A daemon that holds it is alive, though
// it does not answer.
func deadState(cfg config.Daemon) (held *lock, s *state, uplinks []uplinkRecord, err error) {
	boot, err := bootID()
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := os.Stat(cfg.StateDir); errors.Is(err, fs.ErrNotExist) {
		return nil, &state{}, nil, nil
	}
	if held, err = takeLock(cfg.StateDir); err != nil {
		return nil, nil, nil, fmt.Errorf("a daemon is alive that does not answer on this socket: name its own by --socket: %w", err)
	}
	s, err = loadState(filepath.Join(cfg.StateDir, "state.json"), boot)
	if err == nil && !s.rebooted {
		err = readJSON(filepath.Join(cfg.StateDir, "uplinks.json"), &uplinks)
	}
	if err != nil {
		// What is on the NIC is known by its name as well.
		return held, &state{}, nil, nil
	}
	return held, s, uplinks, nil
}
