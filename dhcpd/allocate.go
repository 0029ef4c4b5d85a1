package dhcpd

import (
	"net/netip"
	"time"
)

// request is one message on its way through the engine.
type request struct {
	*message
	now  time.Time
	host *Host    // the client's reservation, or nil
	own  *binding // the client's binding, live or former, or nil
}

// choose finds the address to offer (RFC 2131 §4.3.1): the reserved one, else
// the client's current or previous one, else the one it asks for, else one of
// the pool.
func (e *Engine) choose(r *request) (netip.Addr, bool) {
	if r.host.reserves() && e.available(r.host.IP, r) {
		return r.host.IP, true
	}
	if r.own != nil && e.available(r.own.addr, r) {
		return r.own.addr, true
	}
	if addr, ok := e.offers.byClient[r.client]; ok && e.available(addr, r) {
		return addr, true
	}
	if e.pool.fresh(r.requested) {
		return r.requested, true
	}
	return e.fromPool(r)
}

// fromPool finds an address for a client that has none, in the order of how
// little anybody will miss it.
func (e *Engine) fromPool(r *request) (netip.Addr, bool) {
	if addr, ok := e.pool.nextFresh(e.pool.home(r.client.mac)); ok {
		return addr, true
	}
	if t := e.ledger.former.first(); t != nil {
		return t.addr, true
	}
	return e.offers.stale(r.now)
}

// available reports whether the client may have the address now.
func (e *Engine) available(addr netip.Addr, r *request) bool {
	owner := e.reserved.byIP[addr]
	if owner != nil && owner != r.host || owner == nil && !e.pool.contains(addr) {
		return false
	}
	if e.quarantine.has(addr) {
		return false
	}
	// An offer belongs to the station: boot firmware may have asked for it
	// without the client identifier that the system now sends.
	if o := e.offers.byAddr[addr]; o != nil && o.client.mac != r.client.mac {
		return false
	}
	b := e.ledger.byAddr[addr]
	return b == nil || b == r.own || !b.live
}

// promised reports whether the engine itself named the address to the client.
func (e *Engine) promised(addr netip.Addr, r *request) bool {
	return r.holds(addr) || e.offers.byClient[r.client] == addr || r.host.reserves() && r.host.IP == addr
}

// settle restores what the pool and the queue of former leases say about an
// address after anything about it changed.
func (e *Engine) settle(addr netip.Addr) {
	b := e.ledger.byAddr[addr]
	held := e.offers.has(addr) || e.quarantine.has(addr) || e.reserved.byIP[addr] != nil
	e.pool.set(addr, held || b != nil)
	if b == nil || b.live {
		return
	}
	e.ledger.former.remove(&b.timed)
	if !held && e.pool.contains(addr) {
		e.ledger.former.add(&b.timed)
	}
}

// offer holds the address for the client for a while. Its live lease and its
// reserved address need no holding.
func (e *Engine) offer(addr netip.Addr, r *request) {
	e.withdraw(r.client)
	if r.holds(addr) || e.reserved.byIP[addr] != nil {
		return
	}
	e.offers.put(addr, r.client, r.now)
	e.settle(addr)
}

// withdraw ends the client's offer, if it has one.
func (e *Engine) withdraw(c client) {
	if addr, ok := e.offers.byClient[c]; ok {
		e.offers.drop(addr)
		e.settle(addr)
	}
}

// grant leases addr, which must be available, to the client and returns what
// to store. restarted says that the client just configured itself, as opposed
// to prolonging what it uses.
func (e *Engine) grant(addr netip.Addr, r *request, expires time.Time, restarted bool) []Change {
	var changes []Change
	if r.own != nil && r.own.addr != addr {
		changes = append(changes, Change{Remove, r.own.record()})
		e.forget(r.own)
		r.own = nil
	}
	e.withdraw(r.client)
	e.offers.drop(addr)
	b := e.bindingFor(addr, r)
	e.ledger.extend(b, expires)
	changes = append(changes, e.rename(b, r, restarted)...)
	e.settle(addr)
	return append(changes, Change{Put, b.record()})
}

// bindingFor returns the client's binding of addr, new or brought up to date.
func (e *Engine) bindingFor(addr netip.Addr, r *request) *binding {
	b := e.ledger.byAddr[addr]
	if b != nil && b != r.own {
		e.ledger.drop(b)
		b = nil
	}
	if b == nil {
		b = &binding{timed: timed{addr: addr}, client: r.client, lease: Lease{IP: addr}}
		e.ledger.add(b)
		return b
	}
	c := r.client
	if c.id == "" {
		c.id = b.client.id // firmware does not send it, the system will again
	}
	e.ledger.identify(b, c)
	return b
}

// forget drops a binding and frees its address.
func (e *Engine) forget(b *binding) {
	e.ledger.drop(b)
	e.settle(b.addr)
}
