package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ubridge/dataplane"
	"ubridge/dhcpd"
)

// ErrLeaseCut says that a configuration would take away addresses that guests
// hold.
var ErrLeaseCut = errors.New("guests would lose their addresses")

// Check reports why a running server cannot take a configuration: a fault in it,
// or ErrLeaseCut with the leases. It changes nothing.
func (s *DHCPServer) Check(ctx context.Context, cfg dhcpd.Config) error {
	var err error
	callErr := s.do(ctx, func() { _, err = s.next(cfg) })
	return errors.Join(callErr, err)
}

// Reconfigure serves another configuration from the next request on. Leases stay
// as they are until their holders prolong them. On an error, also of the lease
// file, nothing has changed.
func (s *DHCPServer) Reconfigure(ctx context.Context, cfg dhcpd.Config) error {
	var err error
	callErr := s.do(ctx, func() { err = s.reconfigure(cfg) })
	return errors.Join(callErr, err)
}

// next makes the engine for a configuration, on the server's goroutine.
func (s *DHCPServer) next(cfg dhcpd.Config) (*dhcpd.Engine, error) {
	engine, cuts, err := s.engine.Reconfigured(cfg, time.Now())
	if err != nil {
		return nil, err
	}
	if len(cuts) > 0 {
		list := make([]error, len(cuts))
		for i, c := range cuts {
			list[i] = errors.New(c.String())
		}
		return nil, fmt.Errorf("%w: %w", ErrLeaseCut, errors.Join(list...))
	}
	return engine, nil
}

func (s *DHCPServer) reconfigure(cfg dhcpd.Config) error {
	engine, err := s.next(cfg)
	if err != nil {
		return err
	}
	if err := s.file.Replace(engine.Records()); err != nil {
		// In memory the file goes back at once; on disk with the next lease,
		// before which nothing is acknowledged.
		return errors.Join(err, s.file.Replace(s.engine.Records()))
	}
	s.engine = engine
	s.leased(engine.Leases(time.Now()))
	return nil
}

// SuspendNetwork forgets a bridge but not its flows: AddNetwork takes them up
// again.
func (r *Router) SuspendNetwork(br dataplane.BridgeID) {
	r.nets[br] = nil
	r.listRouted()
}

// SetMTU changes the MTU of a network's guests, in bytes of IP packet.
func (r *Router) SetMTU(br dataplane.BridgeID, mtu int) {
	if n := r.network(br); n != nil {
		n.MTU = mtu
		r.reroute()
	}
}
