package dnsfwd

import (
	"net/netip"
	"time"
)

// A server is one upstream and what is known of its health.
type server struct {
	addr     netip.AddrPort
	misses   int       // silent or unreachable in a row
	retryAt  time.Time // where misses > 0, tried last until then
	asked    uint64
	answered uint64
}

func (s *server) dead(now time.Time) bool {
	return s.misses > 0 && now.Before(s.retryAt)
}

// missed notes a silence. Questions that went out together count once.
func (s *server) missed(now time.Time) {
	if s.dead(now) {
		return
	}
	s.misses++
	s.retryAt = now.Add(min(deadFor<<min(s.misses-1, 8), deadForMax))
}

// spoke notes a sign of life.
func (s *server) spoke() {
	s.answered++
	s.misses = 0
}

// take notes that a question goes to the server. Where it has been silent,
// that question is the probe: the others keep away until it is answered.
func (s *server) take(now time.Time, timeout time.Duration) {
	s.asked++
	if s.misses > 0 && !s.dead(now) {
		s.retryAt = now.Add(timeout)
	}
}

// Upstream is the state of one resolver.
type Upstream struct {
	Addr netip.AddrPort `json:"addr"`
	// Healthy is false while it is tried last.
	Healthy bool `json:"healthy"`
	// Misses counts silences in a row.
	Misses   int    `json:"misses"`
	Asked    uint64 `json:"asked"`
	Answered uint64 `json:"answered"`
}

// SetUpstreams replaces the resolvers, which are asked in the order given. At
// most 8 are used; doubles, invalid addresses and the gateway's own are left
// out. A change empties the cache: other resolvers may see other names, as
// when a VPN comes up. Questions in flight go on with the new list when their
// present upstream stays silent; their answers are not cached.
func (f *Forwarder) SetUpstreams(addrs []netip.AddrPort) {
	var next []*server
	changed := false
	for _, a := range addrs {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		if len(next) == maxUpstreams || !f.usable(a) || find(next, a) != nil {
			continue
		}
		s := f.server(a)
		if s == nil {
			s = &server{addr: a}
		}
		changed = changed || len(next) >= len(f.servers) || f.servers[len(next)] != s
		next = append(next, s)
	}
	if changed || len(next) != len(f.servers) {
		f.servers = next
		f.epoch++
		f.cache.flush()
		clear(f.pendings)
	}
}

func (f *Forwarder) usable(a netip.AddrPort) bool {
	for _, h := range f.cfg.Self {
		if h.Addr.Unmap() == a.Addr() {
			return false
		}
	}
	return a.IsValid() && a.Port() != 0
}

func find(servers []*server, a netip.AddrPort) *server {
	for _, s := range servers {
		if s.addr == a {
			return s
		}
	}
	return nil
}

// Upstreams returns the state of the resolvers in use, in order.
func (f *Forwarder) Upstreams(now time.Time) []Upstream {
	all := make([]Upstream, 0, len(f.servers))
	for _, s := range f.servers {
		all = append(all, Upstream{s.addr, !s.dead(now), s.misses, s.asked, s.answered})
	}
	return all
}

// pick returns the server that a question goes to next: the first healthy one
// that was not asked yet, then those tried last, then once more the silent
// ones, since a datagram may have been lost. nil is the end.
func (f *Forwarder) pick(now time.Time, p *pending) *server {
	servers := f.serversOf(p.zone)
	for _, s := range servers {
		if p.tries[s.addr] == 0 && !s.dead(now) {
			return s
		}
	}
	for tries := range maxTries {
		for _, s := range servers {
			if p.tries[s.addr] == tries {
				return s
			}
		}
	}
	return nil
}
