package dhcpd

import (
	"net/netip"
	"slices"
	"time"
)

// binding is the last lease of an address: live, or a former one. At most one
// binding exists per address and per client.
type binding struct {
	timed  // due when the lease expires, or expired
	client client
	lease  Lease
	live   bool
}

// ledger holds the bindings and finds them by address, client and name.
type ledger struct {
	byAddr   map[netip.Addr]*binding
	byClient map[client]*binding
	byID     map[string]*binding  // the identifier's latest binding
	byMAC    map[[6]byte]*binding // the hardware address's latest binding
	byName   map[string]*binding  // live only
	live     queue
	former   queue // former leases whose address may be given to someone else
}

func newLedger() ledger {
	return ledger{
		byAddr:   map[netip.Addr]*binding{},
		byClient: map[client]*binding{},
		byID:     map[string]*binding{},
		byMAC:    map[[6]byte]*binding{},
		byName:   map[string]*binding{},
	}
}

// find returns the client's binding. A binding of the same identifier and
// another hardware address counts only once its lease is over: see doc.go.
func (l *ledger) find(c client) *binding {
	if b := l.byClient[c]; b != nil {
		return b
	}
	if c.id == "" {
		return l.byMAC[c.mac]
	}
	if b := l.byID[c.id]; b != nil && !b.live {
		return b
	}
	return l.byClient[client{mac: c.mac}]
}

// sharer returns the address of the live lease that another hardware address
// holds with the same client identifier, or the invalid address.
func (l *ledger) sharer(c client) netip.Addr {
	if b := l.byID[c.id]; b != nil && b.live && b.client.mac != c.mac {
		return b.addr
	}
	return netip.Addr{}
}

// add enters a new binding, whose address and client must have none.
func (l *ledger) add(b *binding) {
	l.byAddr[b.addr] = b
	l.identify(b, b.client)
	l.schedule(b)
}

// identify makes c the binding's client and its identifier's latest.
func (l *ledger) identify(b *binding, c client) {
	l.anonymise(b)
	b.client = c
	b.lease.MAC = c.mac
	b.lease.ClientID = []byte(c.id)
	if c.id == "" {
		b.lease.ClientID = nil
	} else {
		l.byID[c.id] = b
	}
	l.byClient[c] = b
	l.byMAC[c.mac] = b
}

func (l *ledger) anonymise(b *binding) {
	c := b.client
	if l.byClient[c] == b {
		delete(l.byClient, c)
	}
	if l.byID[c.id] == b {
		delete(l.byID, c.id)
	}
	if l.byMAC[c.mac] == b {
		delete(l.byMAC, c.mac)
	}
}

// drop forgets a binding.
func (l *ledger) drop(b *binding) {
	l.unschedule(b)
	l.anonymise(b)
	l.unname(b)
	delete(l.byAddr, b.addr)
}

// extend makes the binding live until expires.
func (l *ledger) extend(b *binding, expires time.Time) {
	l.unschedule(b)
	b.live, b.lease.Expires = true, expires
	l.schedule(b)
}

// end makes a live binding a former one. The engine's settle decides whether
// its address may be given away.
func (l *ledger) end(b *binding) {
	l.unschedule(b)
	l.unname(b)
	b.live = false
}

// schedule queues a live binding for its expiry.
func (l *ledger) schedule(b *binding) {
	b.due = b.lease.Expires
	if b.live {
		l.live.add(&b.timed)
	}
}

func (l *ledger) unschedule(b *binding) {
	if b.live {
		l.live.remove(&b.timed)
	} else {
		l.former.remove(&b.timed)
	}
}

// name gives the binding a name that no other live one has.
func (l *ledger) name(b *binding, name string) {
	l.unname(b)
	b.lease.Hostname = name
	if name != "" {
		l.byName[name] = b
	}
}

func (l *ledger) unname(b *binding) {
	if name := b.lease.Hostname; l.byName[name] == b {
		delete(l.byName, name)
	}
}

// leases returns the leases that pass, ordered by address; the caller may
// keep them.
func (l *ledger) leases(pass func(*binding) bool) []Lease {
	var out []Lease
	for _, b := range l.byAddr {
		if pass(b) {
			out = append(out, b.record())
		}
	}
	slices.SortFunc(out, func(a, b Lease) int { return a.IP.Compare(b.IP) })
	return out
}

// record is a copy of the lease for callers.
func (b *binding) record() Lease {
	lease := b.lease
	lease.ClientID = slices.Clone(lease.ClientID)
	return lease
}
