package dnsfwd

import (
	"container/list"
	"net/netip"
	"slices"
	"time"
)

// A flight is what makes two questions in flight the same. EDNS is part of it,
// unlike in the cache: a server that cannot do EDNS answers FORMERR with it.
type flight struct {
	key  string // "" where it is not shared
	edns bool
}

// A pending is a question in flight: who waits for it, and where it was asked.
type pending struct {
	query    query
	flight   flight
	waiters  []waiter
	asks     []Ask // not yet released
	tries    map[netip.AddrPort]int
	started  time.Time
	epoch    uint64  // of the upstreams it was begun with
	zone     *zone   // that has upstreams of its own; nil: the common ones
	fallback *answer // the best failure heard, for when nothing better comes
	timer    *list.Element
	timers   *list.List // the one that holds timer
}

type waiter struct {
	client Client
	query  query
}

// waits tells whether the same datagram came before.
func (p *pending) waits(c Client, id uint16) bool {
	for i := range p.waiters {
		w := &p.waiters[i]
		if !c.TCP && !w.client.TCP && w.client.From == c.From && w.query.id == id {
			return true
		}
	}
	return false
}

// join adds a client to a question in flight.
func (f *Forwarder) join(c Client, q *query, p *pending) Action {
	switch {
	case p.waits(c, q.id):
		return f.act(Action{Kind: Drop, Verdict: Retransmitted, Client: c})
	case len(p.waiters) >= maxWaiters:
		return f.servfail(c, q, WaitersFull)
	case f.clients[c.From.Addr()] >= f.cfg.MaxPerClient:
		return f.servfail(c, q, ClientBusy)
	}
	f.addWaiter(c, q, p)
	return f.act(Action{Kind: Wait, Verdict: Joined, Client: c})
}

func (f *Forwarder) addWaiter(c Client, q *query, p *pending) {
	f.clients[c.From.Addr()]++
	p.waiters = append(p.waiters, waiter{c, q.clone()})
}

// forward has the question asked of an upstream.
func (f *Forwarder) forward(now time.Time, c Client, q *query, key []byte) Action {
	shared := !q.private()
	if shared {
		if p := f.pendings[flight{string(key), q.edns}]; p != nil {
			return f.join(c, q, p)
		}
	}
	z := f.zoneOf(key[:len(q.name())])
	if v, ok := f.admit(c, z); !ok {
		return f.servfail(c, q, v)
	}
	p := &pending{query: q.clone(), started: now, epoch: f.epoch, zone: z, tries: make(map[netip.AddrPort]int)}
	if shared {
		p.flight = flight{string(key), q.edns}
		f.pendings[p.flight] = p
	}
	f.inflight++
	f.addWaiter(c, q, p)
	return f.ask(now, p, Ask{Upstream: f.pick(now, p).addr}, Forwarded)
}

// admit holds the limits of questions in flight.
func (f *Forwarder) admit(c Client, z *zone) (Verdict, bool) {
	switch {
	case len(f.serversOf(z)) == 0:
		return NoUpstream, false
	case f.inflight >= f.cfg.MaxInflight:
		return Busy, false
	case f.clients[c.From.Addr()] >= f.cfg.MaxPerClient:
		return ClientBusy, false
	}
	return Forwarded, true
}

// ask sends the question to an upstream under a new id.
func (f *Forwarder) ask(now time.Time, p *pending, a Ask, v Verdict) Action {
	a.ID = f.newID()
	if s := f.server(a.Upstream); s != nil && !a.TCP {
		s.take(now, f.cfg.Timeout)
	}
	if !a.TCP {
		p.tries[a.Upstream]++
	}
	p.asks = append(p.asks, a)
	f.asks[a.ID] = p
	f.arm(now, p, a.TCP)
	return f.act(Action{Kind: Send, Verdict: v, Ask: a, Msg: p.query.upstreamMsg(a.ID)})
}

// upstreamMsg renders the question for an upstream. AD asks it to tell what it
// knows of the data's authenticity (RFC 6840 §5.7); whether a client gets to
// see that is decided in the reply.
func (q *query) upstreamMsg(id uint16) []byte {
	b := make([]byte, headerLen, headerLen+len(q.question)+optLen+len(q.options))
	be.PutUint16(b[offID:], id)
	be.PutUint16(b[offFlags:], q.flags&(flagRD|flagCD)|flagAD)
	be.PutUint16(b[offQD:], 1)
	b = append(b, q.question...)
	if q.edns {
		be.PutUint16(b[offAR:], 1)
		b = appendOPT(b, q.do, 0, q.options)
	}
	return b
}

// newID draws an id that no ask uses. There are far fewer asks than ids.
func (f *Forwarder) newID() uint16 {
	id := f.cfg.Rand()
	for range 64 {
		if f.asks[id] == nil {
			return id
		}
		id = f.cfg.Rand()
	}
	for f.asks[id] != nil {
		id++
	}
	return id
}

// advance goes on to the next upstream, or gives up.
func (f *Forwarder) advance(now time.Time, p *pending, out []Action) []Action {
	s := f.pick(now, p)
	if s == nil || now.Sub(p.started) >= answerBudget {
		return f.settle(p, p.fallback, Unanswered, out)
	}
	return append(out, f.ask(now, p, Ask{Upstream: s.addr}, Failover))
}

// settle answers everyone who waits, with SERVFAIL where a is nil, and ends
// the question.
func (f *Forwarder) settle(p *pending, a *answer, v Verdict, out []Action) []Action {
	f.disarm(p)
	for len(p.asks) > 0 {
		out = f.release(p, p.asks[0], out)
	}
	for i := range p.waiters {
		w := &p.waiters[i]
		f.leave(w.client)
		if a == nil {
			out = append(out, f.servfail(w.client, &w.query, v))
			continue
		}
		out = append(out, f.answer(w.client, a.reply(&w.query, w.client, 0), v))
	}
	if f.pendings[p.flight] == p {
		delete(f.pendings, p.flight)
	}
	f.inflight--
	return out
}

// leave takes a client's waiter off its count.
func (f *Forwarder) leave(c Client) {
	addr := c.From.Addr()
	if f.clients[addr]--; f.clients[addr] == 0 {
		delete(f.clients, addr)
	}
}

// release ends one ask.
func (f *Forwarder) release(p *pending, a Ask, out []Action) []Action {
	p.asks = slices.DeleteFunc(p.asks, func(b Ask) bool { return a == b })
	delete(f.asks, a.ID)
	return append(out, f.act(Action{Kind: Release, Verdict: Released, Ask: a}))
}
