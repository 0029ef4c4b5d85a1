package dhcpd

import (
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// discover answers DHCPDISCOVER (RFC 2131 §4.3.1).
func (e *Engine) discover(r *request) Result {
	addr, ok := e.choose(r)
	if !ok {
		return Result{Verdict: PoolExhausted}
	}
	e.offer(addr, r)
	return e.reply(r, Offer, dhcpv4.MessageTypeOffer, addr)
}

// clientState is where a REQUEST comes from (RFC 2131 §4.3.2).
type clientState uint8

const (
	unclear    clientState = iota
	selecting              // answers an offer
	initReboot             // knows an address from before
	extending              // renewing or rebinding: uses the address
)

// state tells the client's state from the fields it filled in, and which
// address it means. Some clients name the server while renewing; what they use
// is then in ciaddr all the same.
func (r *request) state() (clientState, netip.Addr) {
	switch {
	case r.server.IsValid() && r.requested.IsValid():
		return selecting, r.requested
	case r.ciaddr.IsValid():
		return extending, r.ciaddr
	case r.requested.IsValid():
		return initReboot, r.requested
	}
	return unclear, netip.Addr{}
}

// request answers DHCPREQUEST (RFC 2131 §4.3.2).
func (e *Engine) request(r *request) Result {
	if r.server.IsValid() && r.server != e.cfg.Server {
		e.withdraw(r.client) // it took another server's offer
		return Result{Verdict: NotForUs}
	}
	state, addr := r.state()
	if state == unclear {
		return Result{Verdict: Malformed}
	}
	if why := e.refusal(addr, r); why != "" {
		return e.refuse(r, addr, why)
	}
	expires := expiry(r.now, e.leaseTime(r))
	changes := e.grant(addr, r, expires, state != extending)
	result := e.reply(r, Ack, dhcpv4.MessageTypeAck, addr)
	result.Changes = changes
	return result
}

// refusal says why the client may not have the address; empty: it may. An
// unknown client may have a free one, since there is no other server.
func (e *Engine) refusal(addr netip.Addr, r *request) string {
	switch {
	case !e.cfg.Subnet.Contains(addr):
		return "wrong network"
	case r.host.reserves() && addr != r.host.IP && e.available(r.host.IP, r):
		return "another address is reserved for you"
	case r.own != nil && r.own.live && !e.promised(addr, r):
		return "you hold another address"
	case !e.available(addr, r):
		return "address not available"
	}
	return ""
}

// decline takes an address out of use that its holder found occupied
// (RFC 2131 §4.3.3). Only a live lease can be declined, or a guest could empty
// the pool without ever taking an address.
func (e *Engine) decline(r *request) Result {
	if r.server.IsValid() && r.server != e.cfg.Server {
		return Result{Verdict: NotForUs}
	}
	if !r.requested.IsValid() {
		return Result{Verdict: Malformed}
	}
	if !r.holds(r.requested) {
		return Result{Verdict: NotHolder, Address: r.requested}
	}
	lost := r.own.record()
	e.quarantine.put(lost.IP, r.client, r.now.Add(quarantineTime))
	e.forget(r.own)
	return Result{Verdict: Declined, Address: lost.IP, Changes: []Change{{Remove, lost}}}
}

// release ends a lease early (RFC 2131 §4.3.4). Its record is kept, so that
// the client gets the address again if it is still free.
func (e *Engine) release(r *request) Result {
	if r.server.IsValid() && r.server != e.cfg.Server {
		return Result{Verdict: NotForUs}
	}
	if !r.ciaddr.IsValid() {
		return Result{Verdict: Malformed}
	}
	if !r.holds(r.ciaddr) {
		return Result{Verdict: NotHolder, Address: r.ciaddr}
	}
	e.ledger.end(r.own)
	r.own.lease.Expires = r.now.UTC().Truncate(time.Second)
	r.own.due = r.own.lease.Expires
	e.settle(r.own.addr)
	changes := []Change{{Release, r.own.record()}}
	return Result{Verdict: Released, Address: r.ciaddr, Changes: changes}
}

func (r *request) holds(addr netip.Addr) bool {
	return r.own != nil && r.own.live && r.own.addr == addr
}

// inform gives parameters to a client with an address of its own
// (RFC 2131 §4.3.5).
func (e *Engine) inform(r *request) Result {
	if !r.ciaddr.IsValid() {
		return Result{Verdict: Malformed}
	}
	if !e.cfg.holds(r.ciaddr) {
		return Result{Verdict: ForeignSubnet, Address: r.ciaddr}
	}
	return e.reply(r, Ack, dhcpv4.MessageTypeAck, netip.Addr{})
}

// leaseTime is what the client asks for, within two minutes and what its
// reservation or the subnet allows, as in dnsmasq.
func (e *Engine) leaseTime(r *request) time.Duration {
	limit := e.cfg.LeaseTime
	if r.host != nil && r.host.LeaseTime != 0 {
		limit = r.host.LeaseTime
	}
	limit = min(limit, InfiniteLease)
	if r.leaseTime == 0 {
		return limit
	}
	return min(max(r.leaseTime, MinLeaseTime), limit)
}

// expiry is the end of a lease granted at now, rounded up to the whole second
// that the store can hold, so that no client is promised more than is kept.
func expiry(now time.Time, d time.Duration) time.Time {
	if d >= InfiniteLease {
		return time.Time{}
	}
	end := now.Add(d)
	seconds := end.Unix()
	if end.Nanosecond() > 0 {
		seconds++
	}
	return time.Unix(seconds, 0).UTC()
}
