package upstream

import (
	"time"

	"ubridge/dnsfwd"
)

// Status is a snapshot of a Service for doctor and net info.
type Status struct {
	// Source is the path that is followed, or "pinned".
	Source string `json:"source"`
	// Problem says in a line why there is no resolver; "" is none.
	Problem string `json:"problem,omitempty"`
	// Resolvers are those in use, in the order they are asked.
	Resolvers []dnsfwd.Upstream `json:"resolvers"`
	// Counters counts by the name of the verdict, and queue-full.
	Counters     map[string]uint64 `json:"counters"`
	CacheEntries int               `json:"cache_entries"`
	CacheBytes   int               `json:"cache_bytes"`
	Inflight     int               `json:"inflight"`
	LocalNames   int               `json:"local_names"`
}

// Status returns the present state. It may be called at any time.
func (s *Service) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.forwarder.Stats()
	resolvers := s.forwarder.Upstreams(time.Now())
	return Status{
		Source:       s.source,
		Problem:      s.problem(len(resolvers)),
		Resolvers:    resolvers,
		Counters:     s.counters(&st),
		CacheEntries: st.CacheEntries,
		CacheBytes:   st.CacheBytes,
		Inflight:     st.Inflight,
		LocalNames:   st.Names,
	}
}

// problem is called with mu held.
func (s *Service) problem(resolvers int) string {
	switch {
	case s.sourceErr != nil:
		return s.sourceErr.Error()
	case resolvers > 0 || s.closed:
		return ""
	case s.source == "":
		return "no resolver is configured: name a resolv.conf or upstreams"
	}
	return s.source + " names no usable resolver: add a nameserver line, or configure upstreams"
}

func (s *Service) counters(st *dnsfwd.Stats) map[string]uint64 {
	counters := map[string]uint64{"queue-full": s.turned.Load()}
	for v, n := range st.Verdicts {
		if dnsfwd.Verdict(v) != dnsfwd.Released {
			counters[dnsfwd.Verdict(v).String()] = n
		}
	}
	return counters
}
