package dhcpd

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// reservations finds the Host that a client or an address belongs to. A nil
// *Host is a client without a reservation.
type reservations struct {
	byID   map[string]*Host
	byMAC  map[[6]byte]*Host
	byName map[string]*Host // every named host
	byIP   map[netip.Addr]*Host
}

// nobody owns the addresses that no client may have.
var nobody = &Host{}

// newReservations indexes cfg.Hosts, and gives Server and Router to nobody.
func newReservations(cfg Config) *reservations {
	r := &reservations{
		byID:   map[string]*Host{},
		byMAC:  map[[6]byte]*Host{},
		byName: map[string]*Host{},
		byIP:   map[netip.Addr]*Host{cfg.Server: nobody},
	}
	if cfg.Router.IsValid() {
		r.byIP[cfg.Router] = nobody
	}
	for _, h := range slices.Clone(cfg.Hosts) {
		h.ClientID = slices.Clone(h.ClientID)
		r.add(&h)
	}
	return r
}

func (r *reservations) add(h *Host) {
	if len(h.ClientID) > 0 {
		r.byID[string(h.ClientID)] = h
	}
	if h.MAC != [6]byte{} {
		r.byMAC[h.MAC] = h
	}
	if h.Name != "" {
		r.byName[h.Name] = h
	}
	if h.IP.IsValid() {
		r.byIP[h.IP] = h
	}
}

// of returns the reservation of a client that sent the given name, or nil.
func (r *reservations) of(c client, name string) *Host {
	if h := r.byID[c.id]; h != nil {
		return h
	}
	if h := r.byMAC[c.mac]; h != nil {
		return h
	}
	if h := r.byName[name]; h != nil && h.byNameOnly() {
		return h
	}
	return nil
}

func (h *Host) byNameOnly() bool { return h.MAC == [6]byte{} && len(h.ClientID) == 0 }

// reserves reports whether h exists and names an address.
func (h *Host) reserves() bool { return h != nil && h.IP.IsValid() }

func (cfg Config) checkHosts() error {
	var errs []error
	seen := map[string]int{}
	for i, h := range cfg.Hosts {
		if err := cfg.checkHost(h); err != nil {
			errs = append(errs, fmt.Errorf("hosts[%d].%w", i, err))
		}
		for _, k := range h.keys() {
			if j, dup := seen[k]; dup {
				errs = append(errs, fmt.Errorf("hosts[%d]: same %s as hosts[%d]", i, k, j))
			}
			seen[k] = i
		}
	}
	return errors.Join(errs...)
}

func (cfg Config) checkHost(h Host) error {
	switch {
	case h.byNameOnly() && h.Name == "":
		return errors.New("mac: a reservation needs a mac, a client id or a name")
	case h.MAC[0]&1 != 0:
		return fmt.Errorf("mac: %x is a group address", h.MAC)
	case len(h.ClientID) > maxClientID:
		return fmt.Errorf("client id: %d bytes, at most %d", len(h.ClientID), maxClientID)
	case h.Name != "" && !validLabel(h.Name):
		return fmt.Errorf("name: %q is not a lower-case DNS label", h.Name)
	case h.IP.IsValid() && !cfg.holds(h.IP):
		return fmt.Errorf("ip: %v is not a host address of %v", h.IP, cfg.Subnet)
	case h.IP.IsValid() && (h.IP == cfg.Server || h.IP == cfg.Router):
		return fmt.Errorf("ip: %v is the gateway's own address", h.IP)
	case h.LeaseTime != 0:
		return checkLeaseTime("lease time", h.LeaseTime)
	}
	return nil
}

// keys are what no two reservations may share.
func (h Host) keys() []string {
	var keys []string
	if h.MAC != [6]byte{} {
		keys = append(keys, fmt.Sprintf("mac %x", h.MAC))
	}
	if len(h.ClientID) > 0 {
		keys = append(keys, fmt.Sprintf("client id %x", h.ClientID))
	}
	if h.Name != "" {
		keys = append(keys, "name "+h.Name)
	}
	if h.IP.IsValid() {
		keys = append(keys, "ip "+h.IP.String())
	}
	return keys
}
