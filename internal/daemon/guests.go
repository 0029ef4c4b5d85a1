package daemon

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"

	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/hostnet"
	"ubridge/internal/libvirtfiles"
)

// portGuest is the guest behind a port.
type portGuest struct {
	Domain string `json:"domain"` // as libvirt calls it
	MAC    string `json:"mac"`

	// Started is set where libvirt's hook told of it: true until the device loses
	// its carrier, which is when the guest ends.
	Started bool `json:"started,omitempty"`
}

// maxDomain bounds a domain's name in bytes: what a file's name may have.
const maxDomain = 255

// guestOf checks what is said of a guest; nil where nothing is.
func guestOf(domain, mac string, started bool) (*portGuest, error) {
	if domain == "" && mac == "" {
		return nil, nil
	}
	m, err := net.ParseMAC(mac)
	switch {
	case domain == "" || len(domain) > maxDomain:
		return nil, api.Errorf(api.Usage, "a domain's name has 1 to %d bytes", maxDomain)
	case err != nil || len(m) != 6:
		return nil, api.Errorf(api.Usage, "%q is no MAC address of a guest; write it as 52:54:00:12:34:56", mac)
	}
	return &portGuest{Domain: domain, MAC: m.String(), Started: started}, nil
}

// byHand makes a port that is asked for by hand one that is remembered, and notes
// its guest.
func (d *Daemon) byHand(n *network, a *attachment, r api.AddPortRequest) error {
	guest, err := guestOf(r.Domain, r.MAC, false)
	if err != nil {
		return err
	}
	if a.st.Transient == nil && guest == nil {
		return nil
	}
	a.st.Transient = nil
	if guest != nil {
		a.st.Guest = guest
	}
	d.followGuests(n)
	return d.state.save()
}

// followGuests tells libvirt's file which guests run on the network, and forgets
// those that have ended.
func (d *Daemon) followGuests(n *network) {
	macs := map[string][]string{}
	for _, a := range n.ports {
		switch g := a.st.Guest; {
		case g == nil:
		case a.port != nil && a.carrier:
			macs[g.Domain] = append(macs[g.Domain], g.MAC)
		case g.Started:
			a.st.Guest = nil // the state is saved with the next change: whoever reads it looks at the carrier again
		}
	}
	if n.files == nil {
		return
	}
	list := make([]libvirtfiles.Guest, 0, len(macs))
	for domain, of := range macs {
		slices.Sort(of)
		list = append(list, libvirtfiles.Guest{Domain: domain, MACs: of})
	}
	slices.SortFunc(list, func(a, b libvirtfiles.Guest) int { return cmp.Compare(a.Domain, b.Domain) })
	n.files.SetGuests(list)
}

// GuestStarted implements api.Backend.
func (b backend) GuestStarted(ctx context.Context, r api.GuestRequest) (list []api.Port, err error) {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	for _, i := range r.Interfaces {
		n, e := b.d.guestStarted(r.Domain, i)
		if e == nil && n != nil {
			var p api.Port
			p, e = b.d.portLine(ctx, n, n.ports[i.Port])
			list = append(list, p)
		}
		err = errors.Join(err, e)
	}
	return list, errors.Join(err, b.d.state.save())
}

// guestStarted notes a guest's device, and makes it a port where a network is
// named. It returns the network whose port it is, nil for none.
func (d *Daemon) guestStarted(domain string, i api.GuestInterface) (*network, error) {
	if err := config.CheckDevice(i.Port); err != nil {
		return nil, api.Errorf(api.Usage, "%v", err)
	}
	guest, err := guestOf(domain, i.MAC, true)
	if err != nil {
		return nil, err
	}
	dev, err := hostnet.DeviceInfo(i.Port)
	if err != nil {
		return nil, api.Errorf(api.NotFound, "guest %s: %v", domain, err)
	}
	if i.Network != "" {
		if err := d.joinGuest(dev, i.Network); err != nil {
			return nil, err
		}
	}
	st := d.state.port(i.Port)
	if st == nil {
		d.adoption.guests[dev.Ifindex] = guest
		return nil, nil
	}
	st.Guest = guest
	n := d.nets[st.Network]
	if n == nil {
		return nil, nil
	}
	d.reconcile(n, n.ports[st.Name]) // its carrier may be news
	d.followGuests(n)
	return n, nil
}

// joinGuest makes a guest's device a port of a network. One that was adopted by
// another network moves; what was decided by hand stays.
func (d *Daemon) joinGuest(dev hostnet.Device, network string) error {
	n, err := d.runningNetwork(network)
	if err != nil {
		return err
	}
	if slices.Contains(d.state.KeptOff, keptOff{dev.Name, dev.Ifindex}) {
		return api.Errorf(api.Conflict, "%s was taken off its network by `ubridge port del`", dev.Name)
	}
	st := d.state.port(dev.Name)
	switch {
	case st == nil:
	case st.Network == network:
		return nil
	case st.Transient != nil:
		d.forgetTransient(st, "its guest belongs to network "+network)
	}
	if err := d.checkPort(n, api.AddPortRequest{Network: network, Port: dev.Name}); err != nil {
		return err
	}
	st, err = d.transientPort(n, dev, byRequest)
	if err != nil {
		return err
	}
	return d.join(n, st)
}
