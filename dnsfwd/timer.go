package dnsfwd

import (
	"container/list"
	"time"
)

// Timers are two queues, since all that run over one transport take equally
// long: the first is always the next due, and no heap is needed.

type deadline struct {
	at time.Time
	p  *pending
}

// arm starts the wait for the answer to the ask just made.
func (f *Forwarder) arm(now time.Time, p *pending, tcp bool) {
	f.disarm(p)
	p.timers = f.udpTimers
	wait := f.cfg.Timeout
	if tcp {
		p.timers = f.tcpTimers
		wait *= 2 // a handshake comes first
	}
	p.timer = p.timers.PushBack(deadline{now.Add(wait), p})
}

func (f *Forwarder) disarm(p *pending) {
	if p.timer != nil {
		p.timers.Remove(p.timer)
		p.timer = nil
	}
}

// Next returns when Tick is due; ok is false where nothing is in flight.
func (f *Forwarder) Next() (at time.Time, ok bool) {
	for _, timers := range []*list.List{f.udpTimers, f.tcpTimers} {
		if el := timers.Front(); el != nil {
			if due := el.Value.(deadline).at; !ok || due.Before(at) {
				at, ok = due, true
			}
		}
	}
	return at, ok
}

// Tick fails over the questions whose upstream stayed silent too long.
func (f *Forwarder) Tick(now time.Time) []Action {
	out := f.expire(now, f.udpTimers, nil)
	return f.expire(now, f.tcpTimers, out)
}

func (f *Forwarder) expire(now time.Time, timers *list.List, out []Action) []Action {
	for el := timers.Front(); el != nil; el = timers.Front() {
		d := el.Value.(deadline)
		if now.Before(d.at) {
			break
		}
		f.disarm(d.p)
		f.missed(now, d.p.asks[len(d.p.asks)-1])
		out = f.advance(now, d.p, out)
	}
	return out
}

// missed notes a silence of an upstream. TCP does not count: many networks
// let no DNS over TCP through to a resolver that is well otherwise.
func (f *Forwarder) missed(now time.Time, a Ask) {
	if s := f.server(a.Upstream); s != nil && !a.TCP {
		s.missed(now)
	}
}
