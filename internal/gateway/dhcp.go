package gateway

import (
	"context"
	"log/slog"
	"time"

	"ubridge/dataplane"
	"ubridge/dhcpd"
	"ubridge/dhcpd/leasefile"
	"ubridge/internal/wire"
)

// dhcpQueue is how many requests may wait for the DHCP service. A write of the
// lease file takes milliseconds; a hundred guests that start at once fit.
const dhcpQueue = 256

// DHCPServer runs one network's DHCP engine on a goroutine of its own.
type DHCPServer struct {
	engine *dhcpd.Engine
	file   *leasefile.File
	queue  chan dhcpRequest
	calls  chan func()
	send   func(to Endpoint, payload []byte)
	leased func([]dhcpd.Lease)
	log    *slog.Logger
}

type dhcpRequest struct {
	src     wire.MAC
	payload []byte
}

// DHCPConfig is what a DHCPServer works with.
type DHCPConfig struct {
	Engine *dhcpd.Engine
	File   *leasefile.File

	// Send sends a reply from the gateway's port 67; see Sender.
	Send func(to Endpoint, payload []byte)

	// Leased is told the live leases whenever they changed, from the server's
	// goroutine: the names that DNS answers for.
	Leased func([]dhcpd.Lease)

	Log *slog.Logger
}

// NewDHCPServer makes a server; Run starts it.
func NewDHCPServer(cfg DHCPConfig) *DHCPServer {
	return &DHCPServer{
		engine: cfg.Engine, file: cfg.File, send: cfg.Send, leased: cfg.Leased, log: cfg.Log,
		queue: make(chan dhcpRequest, dhcpQueue), calls: make(chan func()),
	}
}

// Sender gives a DHCPServer its way to the wire: the worker that serves bridge
// br.
func (r *Router) Sender(w *dataplane.Worker, br dataplane.BridgeID) func(Endpoint, []byte) {
	return func(to Endpoint, payload []byte) {
		w.PostCycle(func(own *dataplane.Cycle) { r.SendUDP(own, br, portDHCPServer, to, payload) })
	}
}

// Submit takes a request from the dataplane without blocking. It reports false
// when the queue is full.
func (s *DHCPServer) Submit(src wire.MAC, payload []byte) bool {
	select {
	case s.queue <- dhcpRequest{src, payload}:
		return true
	default:
		return false
	}
}

// Run serves until ctx is cancelled.
func (s *DHCPServer) Run(ctx context.Context) error {
	s.leased(s.engine.Leases(time.Now()))
	for {
		timer := time.NewTimer(s.untilExpiry(time.Now()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case fn := <-s.calls:
			fn()
		case req := <-s.queue:
			s.serve(time.Now(), req)
		case <-timer.C:
			if len(s.engine.Expire(time.Now())) > 0 {
				s.leased(s.engine.Leases(time.Now()))
			}
		}
		timer.Stop()
	}
}

// untilExpiry is how long nothing is due.
func (s *DHCPServer) untilExpiry(now time.Time) time.Duration {
	at, ok := s.engine.NextExpiry()
	if !ok {
		return time.Hour
	}
	return max(at.Sub(now), time.Second)
}

// reply is an answer that waits for the lease file.
type reply struct {
	to      Endpoint
	payload []byte
}

// serve handles a request, and those that came meanwhile, with one write of the
// lease file.
func (s *DHCPServer) serve(now time.Time, req dhcpRequest) {
	var changes []dhcpd.Change
	var replies []reply
	for more := true; more; {
		res := s.engine.Handle(now, req.payload)
		s.note(res)
		changes = append(changes, res.Changes...)
		if res.Reply != nil {
			replies = append(replies, reply{endpoint(res, req.src), res.Reply})
		}
		select {
		case req = <-s.queue:
		default:
			more = false
		}
	}
	s.commit(now, changes, replies)
}

// commit makes the changes durable and then answers.
func (s *DHCPServer) commit(now time.Time, changes []dhcpd.Change, replies []reply) {
	if err := s.file.Apply(changes); err != nil {
		s.log.Error("leases are not on disk, so no lease is acknowledged", "err", err)
		return
	}
	if len(changes) > 0 {
		s.leased(s.engine.Leases(now))
	}
	for _, r := range replies {
		s.send(r.to, r.payload)
	}
}

func endpoint(res dhcpd.Result, src wire.MAC) Endpoint {
	to := Endpoint{MAC: wire.MAC(res.DstMAC), IP: wire.IP4(res.DstIP.As4()), Port: res.DstPort}
	if to.MAC.IsZero() {
		to.MAC = src
	}
	return to
}

// note logs what an administrator looks for.
func (s *DHCPServer) note(res dhcpd.Result) {
	client := wire.MAC(res.Client).String()
	switch res.Verdict {
	case dhcpd.Nak:
		s.log.Info("dhcp refused", "client", client, "address", res.Address, "reason", res.Reason)
	case dhcpd.Ack:
		s.log.Debug("dhcp acknowledged", "client", client, "address", res.Address)
	case dhcpd.Declined:
		s.log.Warn("a guest found its address in use by another station", "client", client, "address", res.Address)
	case dhcpd.PoolExhausted:
		s.log.Warn("no address left to lease", "client", client)
	}
	if res.SharedWith.IsValid() {
		s.log.Warn("two guests share one DHCP client identifier: clones of one image?", "client", client, "other", res.SharedWith)
	}
}

// Leases are the live leases. The error is the context's.
func (s *DHCPServer) Leases(ctx context.Context) (leases []dhcpd.Lease, err error) {
	err = s.do(ctx, func() { leases = s.engine.Leases(time.Now()) })
	return leases, err
}

// Counters are the engine's totals. The error is the context's.
func (s *DHCPServer) Counters(ctx context.Context) (c dhcpd.Counters, err error) {
	err = s.do(ctx, func() { c = s.engine.Counters() })
	return c, err
}

// do runs fn on the server's goroutine.
func (s *DHCPServer) do(ctx context.Context, fn func()) error {
	done := make(chan struct{})
	select {
	case s.calls <- func() { fn(); close(done) }:
		<-done
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
