package upstream

import (
	"context"
	"net/netip"

	"ubridge/dnsfwd"
)

// Reconfigure changes the names of the network; see
// [dnsfwd.Forwarder.Reconfigure].
func (s *Service) Reconfigure(cfg dnsfwd.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forwarder.Reconfigure(cfg)
}

// SetUpstreams has these resolvers asked from now on, or, where there are none,
// those of Options.ResolvConf. Run must have been called. It does nothing once
// Run has returned.
func (s *Service) SetUpstreams(addrs []netip.AddrPort) {
	done := make(chan struct{})
	fn := func(ctx context.Context) {
		defer close(done)
		if s.unfollow != nil {
			s.unfollow()
			s.unfollow = nil
		}
		if len(addrs) > 0 {
			s.pin(addrs)
			return
		}
		s.unpin()
		s.follow(ctx)
	}
	select {
	case s.calls <- fn:
		<-done
	case <-s.ended:
	}
}

// pin has the given resolvers asked.
func (s *Service) pin(addrs []netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pinned, s.source, s.sourceErr = true, "pinned", nil
	s.forwarder.SetUpstreams(addrs)
}

// unpin forgets them.
func (s *Service) unpin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pinned, s.source = false, s.opts.ResolvConf
	s.forwarder.SetUpstreams(nil)
}

// follow keeps the resolvers equal to those of Options.ResolvConf until ctx or
// unfollow ends it.
func (s *Service) follow(ctx context.Context) {
	if s.opts.ResolvConf == "" {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	f := newFollower(s, s.opts.ResolvConf)
	ended := make(chan struct{})
	s.tasks.Go(func() { defer close(ended); f.run(ctx) })
	s.unfollow = func() { cancel(); <-ended }
}
