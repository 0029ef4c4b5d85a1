package dhcpd

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Engine is the DHCP server of one subnet. See the package comment.
type Engine struct {
	cfg        Config
	pool       *pool
	reserved   *reservations
	ledger     ledger
	offers     offers
	quarantine holds
	lapsed     []Change // leases that ran out during this call
	counters   Counters
}

// Result is what became of one request.
type Result struct {
	Verdict Verdict
	Reason  string // of a NAK, as it is sent in option 56

	// Changes must be durable before Reply is sent, and are in order. They
	// hold leases of other clients that ran out meanwhile, too.
	Changes []Change

	// Reply is the UDP payload to send from Server:67, nil for none. DstMAC is
	// all zero for a relayed request: answer to its Ethernet source.
	Reply   []byte
	DstMAC  [6]byte
	DstIP   netip.Addr
	DstPort uint16

	// Client and Address are for the log: who asked, and the address offered,
	// acknowledged, refused, declined or released; invalid for none.
	Client  [6]byte
	Address netip.Addr
	// SharedWith is an address on lease to another hardware address with this
	// client's identifier: one is a clone of the other. Invalid for none.
	SharedWith netip.Addr
}

// New makes an engine that knows the given leases, live and former: what
// Records of an earlier engine, or the store, says. Leases that the
// configuration has no room for are left out; the engine's Records tell which
// remain. Call Expire once before the first Handle and pass over its result:
// it is news of leases that ended before the engine was made. An error names
// the field of cfg.
func New(cfg Config, leases []Lease) (*Engine, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, fmt.Errorf("dhcp: %w", err)
	}
	e := &Engine{
		cfg:        cfg,
		pool:       newPool(cfg.leased()),
		reserved:   newReservations(cfg),
		ledger:     newLedger(),
		offers:     newOffers(),
		quarantine: newHolds(),
	}
	for addr := range e.reserved.byIP {
		e.settle(addr)
	}
	e.adopt(leases)
	return e, nil
}

// leased are the ranges that addresses are taken from.
func (cfg Config) leased() []Range {
	if cfg.ReservedOnly {
		return nil
	}
	if len(cfg.Ranges) > 0 {
		return cfg.Ranges
	}
	first, last := cfg.Subnet.Addr(), cfg.broadcast()
	if cfg.Subnet.Bits() < 31 {
		first, last = first.Next(), last.Prev()
	}
	return []Range{{first, last}}
}

// adopt takes over leases, all as live: the first sweep ends what is over.
// Where two contradict each other, the one that ends later stands.
func (e *Engine) adopt(leases []Lease) {
	leases = slices.Clone(leases)
	slices.SortStableFunc(leases, func(a, b Lease) int { return compareExpiry(b, a) })
	for _, lease := range leases {
		c := client{id: string(lease.ClientID), mac: lease.MAC}
		known := e.ledger.byAddr[lease.IP] != nil || e.ledger.byClient[c] != nil
		if known || !e.cfg.holds(lease.IP) || e.reserved.byIP[lease.IP] == nobody {
			continue
		}
		b := &binding{timed: timed{addr: lease.IP}, client: c, lease: lease, live: true}
		e.ledger.add(b)
		e.adoptName(b)
		e.settle(b.addr)
	}
}

// adoptName keeps a stored name only while it is the lease's to have.
func (e *Engine) adoptName(b *binding) {
	name := b.lease.Hostname
	owner := e.reserved.byName[name]
	taken := e.ledger.byName[name] != nil || owner != nil && owner != e.reserved.of(b.client, name)
	if taken {
		name = ""
	}
	e.ledger.name(b, name)
}

// compareExpiry orders leases by when they end, soonest first, never last.
func compareExpiry(a, b Lease) int {
	switch {
	case a.Expires.IsZero() && b.Expires.IsZero():
		return 0
	case a.Expires.IsZero():
		return 1
	case b.Expires.IsZero():
		return -1
	}
	return a.Expires.Compare(b.Expires)
}

// Handle answers one request: req is the UDP payload of a packet to port 67.
// It never panics, whatever req holds.
func (e *Engine) Handle(now time.Time, req []byte) Result {
	e.sweep(now)
	result := e.answer(now, req)
	result.Changes = append(e.takeLapsed(), result.Changes...)
	e.counters.Verdicts[result.Verdict]++
	return result
}

func (e *Engine) answer(now time.Time, req []byte) Result {
	m, verdict := parse(req)
	if verdict != None {
		return Result{Verdict: verdict}
	}
	e.counters.Received[m.kind]++
	if m.giaddr.IsValid() && !e.cfg.holds(m.giaddr) {
		return Result{Verdict: ForeignRelay, Client: m.client.mac}
	}
	r := &request{
		message: m,
		now:     now,
		host:    e.reserved.of(m.client, m.hostname),
		own:     e.ledger.find(m.client),
	}
	sharer := e.ledger.sharer(m.client) // before the client gets a lease
	if sharer.IsValid() {
		e.counters.Clones++
	}
	result := e.dispatch(r)
	result.Client, result.SharedWith = m.client.mac, sharer
	return result
}

func (e *Engine) dispatch(r *request) Result {
	switch r.kind {
	case dhcpv4.MessageTypeDiscover:
		return e.discover(r)
	case dhcpv4.MessageTypeRequest:
		return e.request(r)
	case dhcpv4.MessageTypeDecline:
		return e.decline(r)
	case dhcpv4.MessageTypeRelease:
		return e.release(r)
	default: // parse lets nothing else through
		return e.inform(r)
	}
}

// Expire ends the leases that ran out by now and returns a Lapse for each.
func (e *Engine) Expire(now time.Time) []Change {
	e.sweep(now)
	return e.takeLapsed()
}

func (e *Engine) takeLapsed() []Change {
	lapsed := e.lapsed
	e.lapsed = nil
	return lapsed
}

// sweep ends what is over at now: leases, offers, quarantines.
func (e *Engine) sweep(now time.Time) {
	for t := e.ledger.live.firstDue(now); t != nil; t = e.ledger.live.firstDue(now) {
		b := e.ledger.byAddr[t.addr]
		e.ledger.end(b)
		e.settle(b.addr)
		e.lapsed = append(e.lapsed, Change{Lapse, b.record()})
	}
	for t := e.offers.queue.firstDue(now); t != nil; t = e.offers.queue.firstDue(now) {
		e.offers.drop(t.addr)
		e.settle(t.addr)
	}
	for t := e.quarantine.queue.firstDue(now); t != nil; t = e.quarantine.queue.firstDue(now) {
		e.quarantine.drop(t.addr)
		e.settle(t.addr)
	}
}

// NextExpiry returns when the next lease runs out, and false if none will:
// the moment to call Expire.
func (e *Engine) NextExpiry() (time.Time, bool) {
	if t := e.ledger.live.first(); t != nil {
		return t.due, true
	}
	return time.Time{}, false
}

// Leases returns the leases that are live at now, ordered by address.
func (e *Engine) Leases(now time.Time) []Lease {
	return e.ledger.leases(func(b *binding) bool { return b.live && b.lease.Live(now) })
}

// Records returns live and former leases, ordered by address: what the store
// should hold, and what New takes when the configuration changes.
func (e *Engine) Records() []Lease {
	return e.ledger.leases(func(*binding) bool { return true })
}

// PoolSize returns how many addresses the ranges hold, the server's included
// where it lies in one.
func (e *Engine) PoolSize() int { return int(e.pool.size) }

// Counters returns the totals so far.
func (e *Engine) Counters() Counters { return e.counters }
