package daemon

import (
	"errors"
	"net"
	"slices"

	"ubridge/internal/api"
	"ubridge/internal/hostnet"
)

// transient is what is remembered of a port that is one only for as long as its
// device exists: libvirt's taps come and go with their guests.
type transient struct {
	Ifindex int    `json:"ifindex"`
	By      string `json:"by"`            // how it came to us
	UID     int    `json:"uid,omitempty"` // for whom the helper made it
}

// Ways by which a transient port came to us.
const (
	byAdoption = "adoption" // the network's definition names it
	byRequest  = "request"  // libvirt's hook named it
	byHelper   = "helper"   // ubridge-bridge-helper was given it
)

// keptOff is a device that was taken off its network by hand: it is not adopted
// for as long as it exists.
type keptOff struct {
	Name    string `json:"name"`
	Ifindex int    `json:"ifindex"`
}

// forgetGone forgets transient ports whose device has vanished or belongs to a
// bridge now, and what was kept off and is gone.
func (d *Daemon) forgetGone() {
	for _, st := range slices.Clone(d.state.Ports) {
		if st.Transient == nil {
			continue
		}
		why := goneBecause(st)
		if why == "" {
			why = d.closedBecause(st)
		}
		if why != "" {
			d.forgetTransient(st, why)
		}
	}
	for ifindex := range d.adoption.guests {
		if _, err := net.InterfaceByIndex(ifindex); err != nil {
			delete(d.adoption.guests, ifindex)
		}
	}
	kept := slices.DeleteFunc(slices.Clone(d.state.KeptOff), func(k keptOff) bool {
		dev, err := hostnet.DeviceInfo(k.Name)
		return errors.Is(err, hostnet.ErrNoDevice) || err == nil && dev.Ifindex != k.Ifindex
	})
	if len(kept) != len(d.state.KeptOff) {
		d.state.KeptOff = kept
		d.ended("state", d.state.save())
	}
}

// goneBecause tells why a transient port is none any more, "" if it still is.
func goneBecause(st *portState) string {
	dev, err := hostnet.DeviceInfo(st.Name)
	switch {
	case errors.Is(err, hostnet.ErrNoDevice) || err == nil && dev.Ifindex != st.Transient.Ifindex:
		return "its device is gone"
	case err == nil && dev.Master != "":
		return "its device belongs to " + dev.Master + " now"
	}
	return ""
}

// forgetTransient lets go of a transient port.
func (d *Daemon) forgetTransient(st *portState, why string) {
	log := d.log.With("network", st.Network)
	if err := errors.Join(d.dropPort(st), d.state.save()); err != nil {
		log.Warn("port is not let go of cleanly", "port", st.Name, "err", err)
	}
	log.Info("port is forgotten", "port", st.Name, "because", why)
}

// keepOff notes that a device was taken off its network by hand, lest it be
// adopted at once.
func (d *Daemon) keepOff(name string) {
	if dev, err := hostnet.DeviceInfo(name); err == nil && d.adopts() {
		d.state.KeptOff = append(d.state.KeptOff, keptOff{name, dev.Ifindex})
	}
}

// letOn takes that back.
func (d *Daemon) letOn(name string) {
	d.state.KeptOff = slices.DeleteFunc(d.state.KeptOff, func(k keptOff) bool { return k.Name == name })
}

// transientPort is the state of a new port that is forgotten with its device.
func (d *Daemon) transientPort(n *network, dev hostnet.Device, by string) (*portState, error) {
	st, err := d.newPort(n, dev.Name)
	if err != nil {
		return nil, err
	}
	st.Transient = &transient{Ifindex: dev.Ifindex, By: by}
	return st, nil
}

// newPort is the state of a new port; Conflict where there is no room.
func (d *Daemon) newPort(n *network, name string) (*portState, error) {
	st := &portState{Network: n.name, Name: name, ID: d.state.freeID()}
	if st.ID >= firstUplinkID {
		return nil, api.Errorf(api.Conflict, "%d ports are remembered, which is all there is room for: remove some by `ubridge port del`", firstUplinkID-1)
	}
	return st, nil
}
