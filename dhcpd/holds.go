package dhcpd

import (
	"net/netip"
	"time"
)

const (
	// offerTime is how long an offered address is kept for the client: longer
	// than the slowest client collects offers, and its resends renew it.
	offerTime = time.Minute
	// offerMinAge is how long an offer is safe from other clients when nothing
	// else is left in the pool: enough for a client that is really there.
	offerMinAge = 2 * time.Second
	// quarantineTime is how long a declined address is not given out, as in
	// dnsmasq.
	quarantineTime = 10 * time.Minute
)

// hold keeps an address out of the pool until it is due.
type hold struct {
	timed
	client client
}

// holds are addresses under offer, or in quarantine.
type holds struct {
	byAddr map[netip.Addr]*hold
	queue  queue
}

func newHolds() holds { return holds{byAddr: map[netip.Addr]*hold{}} }

// put holds addr until due, in place of any hold on it.
func (h *holds) put(addr netip.Addr, c client, due time.Time) {
	h.drop(addr)
	e := &hold{timed: timed{addr: addr, due: due}, client: c}
	h.byAddr[addr] = e
	h.queue.add(&e.timed)
}

func (h *holds) drop(addr netip.Addr) {
	if e := h.byAddr[addr]; e != nil {
		h.queue.remove(&e.timed)
		delete(h.byAddr, addr)
	}
}

func (h *holds) has(addr netip.Addr) bool { return h.byAddr[addr] != nil }

// offers are the addresses under offer, at most one per client.
type offers struct {
	holds
	byClient map[client]netip.Addr
}

func newOffers() offers {
	return offers{holds: newHolds(), byClient: map[client]netip.Addr{}}
}

func (o *offers) put(addr netip.Addr, c client, now time.Time) {
	o.drop(addr)
	o.holds.put(addr, c, now.Add(offerTime))
	o.byClient[c] = addr
}

func (o *offers) drop(addr netip.Addr) {
	if e := o.byAddr[addr]; e != nil {
		delete(o.byClient, e.client)
		o.holds.drop(addr)
	}
}

// stale returns the oldest offer's address if another client may have it.
func (o *offers) stale(now time.Time) (netip.Addr, bool) {
	t := o.queue.first()
	if t == nil || t.due.Sub(now) > offerTime-offerMinAge {
		return netip.Addr{}, false
	}
	return t.addr, true
}
