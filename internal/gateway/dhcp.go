package gateway

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"ubridge/dataplane"
	"ubridge/dhcpd"
	"ubridge/dhcpd/leasefile"
	"ubridge/internal/wire"
)

const (
	// dhcpQueue is how many requests may wait for the DHCP service, and how many
	// are answered after one write of the lease file. A write takes milliseconds;
	// a hundred guests that start at once fit.
	dhcpQueue = 256

	// dhcpShare is how many of them may come from one port, lest one guest's
	// flood keep the others out.
	dhcpShare = dhcpQueue / 2
)

// ErrServiceEnded is what a service's lists answer once it has ended.
var ErrServiceEnded = errors.New("the network has stopped")

// DHCPServer runs one network's DHCP engine on a goroutine of its own.
type DHCPServer struct {
	engine *dhcpd.Engine
	file   *leasefile.File
	queue  chan dhcpRequest
	calls  chan func()
	ended  chan struct{} // closed when Run returns
	send   func(to Endpoint, payload []byte)
	leased func([]dhcpd.Lease)
	log    calmLog

	mu      sync.Mutex
	waiting map[dataplane.PortID]int // requests in queue, by port
}

type dhcpRequest struct {
	in      dataplane.PortID
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
		engine: cfg.Engine, file: cfg.File, send: cfg.Send, leased: cfg.Leased, log: calmLog{log: cfg.Log},
		queue: make(chan dhcpRequest, dhcpQueue), calls: make(chan func()), ended: make(chan struct{}),
		waiting: map[dataplane.PortID]int{},
	}
}

// Sender gives a DHCPServer its way to the wire: the worker that serves bridge
// br.
func (r *Router) Sender(w *dataplane.Worker, br dataplane.BridgeID) func(Endpoint, []byte) {
	return func(to Endpoint, payload []byte) {
		w.PostCycle(func(own *dataplane.Cycle) { r.SendUDP(own, br, portDHCPServer, to, payload) })
	}
}

// Submit takes a request that came in on a port from the dataplane without
// blocking. It reports false when the queue, or the port's share of it, is full.
func (s *DHCPServer) Submit(in dataplane.PortID, src wire.MAC, payload []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[in] >= dhcpShare {
		return false
	}
	select {
	case s.queue <- dhcpRequest{in, src, payload}:
		s.waiting[in]++
		return true
	default:
		return false
	}
}

// taken notes that a request has left the queue.
func (s *DHCPServer) taken(in dataplane.PortID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[in]--; s.waiting[in] == 0 {
		delete(s.waiting, in)
	}
}

// Run serves until ctx is cancelled. It may be called once.
func (s *DHCPServer) Run(ctx context.Context) error {
	defer close(s.ended)
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
// lease file. Their number is bounded, or a flood would put the answers off for
// ever.
func (s *DHCPServer) serve(now time.Time, req dhcpRequest) {
	var changes []dhcpd.Change
	var replies []reply
	for more := true; more; {
		s.taken(req.in)
		res := s.engine.Handle(now, req.payload)
		s.note(now, res)
		changes = append(changes, res.Changes...)
		if res.Reply != nil {
			replies = append(replies, reply{endpoint(res, req.src), res.Reply})
		}
		if len(replies) >= dhcpQueue || len(changes) >= dhcpQueue {
			break
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
		s.log.at(now, slog.LevelError, "leases are not on disk, so no lease is acknowledged", "err", err)
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
func (s *DHCPServer) note(now time.Time, res dhcpd.Result) {
	client := wire.MAC(res.Client)
	switch res.Verdict {
	case dhcpd.Nak:
		s.log.at(now, slog.LevelInfo, "dhcp refused", "client", client, "address", res.Address, "reason", res.Reason)
	case dhcpd.Ack:
		s.log.at(now, slog.LevelDebug, "dhcp acknowledged", "client", client, "address", res.Address)
	case dhcpd.Declined:
		s.log.at(now, slog.LevelWarn, "a guest found its address in use by another station", "client", client, "address", res.Address)
	case dhcpd.PoolExhausted:
		s.log.at(now, slog.LevelWarn, "no address left to lease", "client", client)
	}
	if res.SharedWith.IsValid() {
		s.log.at(now, slog.LevelWarn, "two guests share one DHCP client identifier: clones of one image?", "client", client, "other", res.SharedWith)
	}
}

// Leases are the live leases. The error is ErrServiceEnded or
// the context's.
func (s *DHCPServer) Leases(ctx context.Context) (leases []dhcpd.Lease, err error) {
	err = s.do(ctx, func() { leases = s.engine.Leases(time.Now()) })
	return leases, err
}

// Counters are the engine's totals. The error is ErrServiceEnded
// or the context's.
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
	case <-s.ended:
		return ErrServiceEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}
