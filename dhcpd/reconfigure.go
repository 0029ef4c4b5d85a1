package dhcpd

import (
	"fmt"
	"time"
)

// Cut is a live lease that a configuration has no room for.
type Cut struct {
	Lease Lease
	Why   string // what the configuration does with its address
}

func (c Cut) String() string {
	return fmt.Sprintf("%v, leased to %v: %s", c.Lease.IP, hardware(c.Lease.MAC), c.Why)
}

func hardware(m [6]byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// Reconfigured makes an engine of the same leases, offers, quarantines and
// counters with another configuration. It returns also the leases that are live
// at now and that their holders could not prolong under cfg: a caller that wants
// no guest cut off drops the new engine when there are any. The old engine stays
// as it was and must not be used once the new one is.
//
// A guest that has a lease gets the name that cfg reserves for it at once, as
// dnsmasq does when it reads its host files again; a reserved address it gets
// when it asks the next time.
func (e *Engine) Reconfigured(cfg Config, now time.Time) (*Engine, []Cut, error) {
	next, err := New(cfg, e.Records())
	if err != nil {
		return nil, nil, err
	}
	next.sweep(now)
	next.lapsed = nil // the old engine's news
	next.takeHolds(e)
	next.counters = e.counters
	next.nameReserved()
	return next, next.cuts(e.Leases(now)), nil
}

// takeHolds takes over the offers and quarantines that the pool has room for.
func (e *Engine) takeHolds(old *Engine) {
	for c, addr := range old.offers.byClient {
		r := &request{message: &message{client: c}, host: e.reserved.of(c, ""), own: e.ledger.find(c)}
		if e.available(addr, r) {
			e.offers.holds.put(addr, c, old.offers.byAddr[addr].due)
			e.offers.byClient[c] = addr
			e.settle(addr)
		}
	}
	for addr, h := range old.quarantine.byAddr {
		e.quarantine.put(addr, h.client, h.due)
		e.settle(addr)
	}
}

// nameReserved gives live leases the names that are reserved for their holders.
func (e *Engine) nameReserved() {
	for _, b := range e.ledger.byAddr {
		h := e.reserved.of(b.client, b.lease.Hostname)
		if !b.live || h == nil || h.Name == "" || h.byNameOnly() {
			continue
		}
		if name := e.reservedName(b, h); name != "" && name != b.lease.Hostname {
			if loser := e.ledger.byName[name]; loser != nil {
				e.ledger.name(loser, "")
			}
			e.ledger.name(b, name)
		}
	}
}

// cuts are those of the leases whose holders could not prolong them.
func (e *Engine) cuts(leases []Lease) (list []Cut) {
	for _, l := range leases {
		c := client{id: string(l.ClientID), mac: l.MAC}
		owner, own := e.reserved.byIP[l.IP], e.reserved.of(c, l.Hostname)
		switch {
		case owner == nobody:
			list = append(list, Cut{l, "it is the gateway's own"})
		case owner != nil && owner != own:
			list = append(list, Cut{l, "it is reserved for " + owner.who()})
		case owner == nil && !e.pool.contains(l.IP):
			list = append(list, Cut{l, "no range holds it, and it is not reserved for that guest"})
		}
	}
	return list
}

// who names the client of a reservation.
func (h *Host) who() string {
	switch {
	case h.MAC != [6]byte{}:
		return hardware(h.MAC)
	case len(h.ClientID) > 0:
		return fmt.Sprintf("client identifier %x", h.ClientID)
	}
	return h.Name
}
