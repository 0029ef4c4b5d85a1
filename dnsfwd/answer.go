package dnsfwd

import (
	"time"

	"github.com/miekg/dns"
)

// An answer is what an upstream said, in the form that serves every client:
// packed anew, without id and OPT, the question as it was asked first.
// It is not changed once made.
type answer struct {
	msg     []byte
	ttls    []uint16 // offsets of the TTLs in msg
	options []byte   // EDNS options that travel on, such as extended errors
	rcode   uint8    // upper bits of an extended response code
	life    time.Duration
}

// size is what the answer costs in a cache, in bytes.
func (a *answer) size() int { return len(a.msg) + 2*len(a.ttls) + len(a.options) }

// reply renders the answer for one client. age is in seconds.
func (a *answer) reply(q *query, c Client, age uint32) []byte {
	b := make([]byte, len(a.msg), len(a.msg)+optLen+len(a.options))
	copy(b, a.msg)
	copy(b[headerLen:], q.question)
	be.PutUint16(b[offID:], q.id)
	be.PutUint16(b[offFlags:], a.flagsFor(q))
	if age > 0 {
		for _, at := range a.ttls {
			ttl := be.Uint32(b[at:])
			be.PutUint32(b[at:], ttl-min(age, ttl))
		}
	}
	return q.finishEDNS(c, b, a.rcode, a.options)
}

// flagsFor adds the client's RD and CD, and takes AD from clients that show
// no sign of knowing it (RFC 6840 §5.8).
func (a *answer) flagsFor(q *query) uint16 {
	flags := be.Uint16(a.msg[offFlags:]) | q.flags&(flagRD|flagCD)
	if !q.do && q.flags&flagAD == 0 {
		flags &^= flagAD
	}
	return flags
}

// decode makes an answer of an upstream's message, whose header and question
// were checked before. Unpacking and packing anew is the validation: nothing
// that cannot be understood gets near a client or the cache.
func decode(msg []byte, q *query) (*answer, error) {
	var m dns.Msg
	if err := m.Unpack(msg); err != nil {
		return nil, err
	}
	a := &answer{rcode: uint8(m.Rcode >> 4)}
	m.Id, m.Rcode, m.Zero = 0, m.Rcode&maskRcode, false
	m.RecursionDesired, m.CheckingDisabled = false, false
	m.Authoritative = false // the upstream may be, we are not
	m.Extra = withoutMeta(m.Extra)
	a.life = settleTTLs(&m, q.qtype())
	m.Compress = true
	var err error
	if a.msg, err = m.Pack(); err != nil {
		return nil, err
	}
	// Some malformed records, such as an SOA without data, are unpacked and
	// packed without complaint, but to something that nobody can read.
	if err = new(dns.Msg).Unpack(a.msg); err != nil {
		return nil, err
	}
	if a.options, err = optionsOf(msg, q); err != nil {
		return nil, err
	}
	return a, a.index(q)
}

// withoutMeta removes OPT and signatures, which hold for one hop only.
func withoutMeta(extra []dns.RR) []dns.RR {
	kept := extra[:0]
	for _, rr := range extra {
		switch rr.Header().Rrtype {
		case dns.TypeOPT, dns.TypeTSIG, dns.TypeSIG:
		default:
			kept = append(kept, rr)
		}
	}
	return kept
}

// optionsOf returns the options of the message's OPT that travel on.
func optionsOf(msg []byte, q *query) (options []byte, err error) {
	_, err = records(msg, headerLen+len(q.question), func(r record) (err error) {
		if r.rtype == dns.TypeOPT {
			options, err = passOptions(r.data)
		}
		return err
	})
	return options, err
}

// index finds the TTLs and makes sure that the question is where reply
// overwrites it.
func (a *answer) index(q *query) error {
	end, err := nameEnd(a.msg, headerLen)
	if err != nil || end+4 != headerLen+len(q.question) || len(a.msg) > maxMessage {
		return errWire
	}
	_, err = records(a.msg, end+4, func(r record) error {
		a.ttls = append(a.ttls, uint16(r.ttlAt))
		return nil
	})
	return err
}
