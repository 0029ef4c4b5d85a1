package dnsfwd

import (
	"slices"
	"time"

	"github.com/miekg/dns"
)

// Response handles a message that came in on the socket of an ask. A message
// that does not belong there is dropped and the wait goes on, since it may be
// forged (RFC 5452 §9.1).
func (f *Forwarder) Response(now time.Time, from Ask, msg []byte) []Action {
	p, ok := f.find(from)
	if !ok {
		return f.drop(StrayResponse)
	}
	if !matches(msg, from.ID, &p.query) {
		return f.drop(MismatchedResponse)
	}
	if s := f.server(from.Upstream); s != nil {
		s.spoke()
	}
	if be.Uint16(msg[offFlags:])&flagTC != 0 && !from.TCP {
		return f.retryTCP(now, p, from, msg)
	}
	return f.take(now, p, from, msg)
}

// Failed reports that an ask could not be sent or its socket broke: the next
// upstream is asked at once.
func (f *Forwarder) Failed(now time.Time, a Ask) []Action {
	p, ok := f.find(a)
	if !ok {
		return nil
	}
	f.missed(now, a)
	return f.giveUp(now, p, a, nil)
}

func (f *Forwarder) find(a Ask) (*pending, bool) {
	p := f.asks[a.ID]
	return p, p != nil && slices.Contains(p.asks, a)
}

func (f *Forwarder) drop(v Verdict) []Action {
	return []Action{f.act(Action{Kind: Drop, Verdict: v})}
}

// matches tells whether the message answers the question under the id. Some
// servers refuse without repeating the question; such a message can cause no
// more than the next upstream to be asked.
func matches(msg []byte, id uint16, q *query) bool {
	if len(msg) < headerLen || be.Uint16(msg) != id {
		return false
	}
	flags := be.Uint16(msg[offFlags:])
	if flags&(flagQR|maskOpcode) != flagQR {
		return false
	}
	if be.Uint16(msg[offQD:]) == 0 {
		return len(msg) == headerLen && flags&maskRcode != 0
	}
	end := headerLen + len(q.question)
	return be.Uint16(msg[offQD:]) == 1 && end <= len(msg) &&
		equalFolded(msg[headerLen:end-4], q.name()) &&
		string(msg[end-4:end]) == string(q.question[len(q.question)-4:])
}

// retryTCP asks the same upstream for the whole answer. What arrived is kept:
// a client is better served with a part and TC than with SERVFAIL.
func (f *Forwarder) retryTCP(now time.Time, p *pending, from Ask, msg []byte) []Action {
	if a, err := decode(msg, &p.query); err == nil {
		p.fallback = a
	}
	p.tries[from.Upstream] = maxTries // over UDP it would say the same again
	out := f.release(p, from, nil)
	return append(out, f.ask(now, p, Ask{Upstream: from.Upstream, TCP: true}, RetryTCP))
}

// take handles a whole response: it settles the question, or fails it over
// where the upstream could not or would not answer.
func (f *Forwarder) take(now time.Time, p *pending, from Ask, msg []byte) []Action {
	if len(msg) == headerLen {
		return f.giveUp(now, p, from, nil)
	}
	a, err := decode(msg, &p.query)
	if err != nil {
		return f.giveUp(now, p, from, f.drop(MalformedResponse))
	}
	switch int(be.Uint16(a.msg[offFlags:])&maskRcode) | int(a.rcode)<<4 {
	case dns.RcodeServerFailure, dns.RcodeRefused:
		if p.fallback == nil {
			p.fallback = a
		}
		return f.giveUp(now, p, from, nil)
	}
	if p.flight.key != "" && p.epoch == f.epoch {
		f.cache.put(now, p.flight.key, a)
	}
	return f.settle(p, a, Resolved, nil)
}

// giveUp ends an ask that will bring nothing and, where it is the one that is
// waited for, goes on to the next upstream. The upstream is not asked again.
func (f *Forwarder) giveUp(now time.Time, p *pending, a Ask, out []Action) []Action {
	current := p.asks[len(p.asks)-1] == a
	p.tries[a.Upstream] = maxTries
	out = f.release(p, a, out)
	if !current {
		return out
	}
	return f.advance(now, p, out)
}
