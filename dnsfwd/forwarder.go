package dnsfwd

import (
	"container/list"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// A Forwarder answers DNS queries or says whom to ask. Its zero value is not
// usable; call New.
type Forwarder struct {
	cfg    Config
	domain string // folded wire form of cfg.Domain
	hosts  *hostTable
	given  []Host // what hosts was made of
	cache  *cache

	servers []*server
	epoch   uint64 // counts changes of servers
	zones   []*zone

	records map[string][]Record // by folded wire name; empty where only names below it have any

	pendings map[flight]*pending // those that later clients may join
	asks     map[uint16]*pending // by the id of each ask
	clients  map[netip.Addr]int  // waiters of an address
	inflight int

	udpTimers *list.List
	tcpTimers *list.List

	counts  [NumVerdicts]uint64
	scratch [maxName + 8]byte // holds the key of the query at hand
}

// New returns a Forwarder without hosts and upstreams.
func New(cfg Config) *Forwarder {
	f := &Forwarder{
		cfg:       cfg.withDefaults(),
		pendings:  make(map[flight]*pending),
		asks:      make(map[uint16]*pending),
		clients:   make(map[netip.Addr]int),
		udpTimers: list.New(),
		tcpTimers: list.New(),
	}
	f.domain, _ = packName(f.cfg.Domain)
	f.hosts = newHostTable(&f.cfg, nil)
	f.zones = f.newZones()
	f.records = f.newRecords()
	f.cache = newCache(f.cfg.CacheEntries, f.cfg.CacheBytes)
	return f
}

// SetHosts replaces the hosts, usually the leases that have a name. A host is
// passed over silently where its name is not one label (or one label under
// the domain), is the gateway's own, or is wpad, isatap or localhost: guests
// choose names.
func (f *Forwarder) SetHosts(hosts []Host) {
	f.given = slices.Clone(hosts)
	f.hosts = newHostTable(&f.cfg, f.given)
}

// Query handles a client's message. Every client that is told to Wait, or
// whose query led to Send, gets exactly one Answer from a later call.
func (f *Forwarder) Query(now time.Time, c Client, msg []byte) Action {
	q, v := parseHeader(msg)
	if c.From.Port() == 0 {
		v = RuntQuery
	}
	if v == Forwarded && q.parseBody(msg) != nil {
		v = MalformedQuery
	}
	switch {
	case v == RuntQuery || v == NotQuery:
		return f.act(Action{Kind: Drop, Verdict: v, Client: c})
	case v == UnknownOpcode:
		return f.answer(c, q.refuse(c, dns.RcodeNotImplemented), v)
	case v == MalformedQuery:
		return f.answer(c, q.refuse(c, dns.RcodeFormatError), v)
	case q.version != 0:
		return f.answer(c, q.refuse(c, dns.RcodeBadVers), UnknownEDNS)
	case q.transfer():
		return f.answer(c, q.refuse(c, dns.RcodeRefused), Transfer)
	}
	return f.resolve(now, c, &q)
}

// resolve finds the answer to a well-formed question, or has it asked for.
func (f *Forwarder) resolve(now time.Time, c Client, q *query) Action {
	key := q.appendKey(f.scratch[:0])
	if msg := f.answerLocal(q, c, key); msg != nil {
		return f.answer(c, msg, Local)
	}
	if f.cfg.Closed && !f.zoneOf(key[:len(q.name())]).served() {
		return f.answer(c, q.refuse(c, dns.RcodeRefused), Closed)
	}
	if !q.private() {
		if a, age := f.cache.get(now, key); a != nil {
			return f.answer(c, a.reply(q, c, age), CacheHit)
		}
	}
	return f.forward(now, c, q, key)
}

func (f *Forwarder) answer(c Client, msg []byte, v Verdict) Action {
	return f.act(Action{Kind: Answer, Verdict: v, Client: c, Msg: msg})
}

func (f *Forwarder) servfail(c Client, q *query, v Verdict) Action {
	return f.answer(c, q.refuse(c, dns.RcodeServerFailure), v)
}

// act counts an action under its verdict.
func (f *Forwarder) act(a Action) Action {
	f.counts[a.Verdict]++
	return a
}

// Stats is a snapshot of a Forwarder's counters and sizes.
type Stats struct {
	// Verdicts counts actions, indexed by Verdict.
	Verdicts     [NumVerdicts]uint64
	CacheEntries int
	CacheBytes   int
	// Inflight is the number of questions that wait for an upstream.
	Inflight int
	// Names is the number of local names.
	Names int
}

// Stats returns the counters.
func (f *Forwarder) Stats() Stats {
	return Stats{f.counts, len(f.cache.entries), f.cache.bytes, f.inflight, len(f.hosts.addrs)}
}
