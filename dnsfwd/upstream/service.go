package upstream

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"ubridge/dnsfwd"
)

// queueLen is how many queries wait for the loop before Submit refuses.
const queueLen = 1024

// Options say where the resolvers come from.
type Options struct {
	// ResolvConf is the path to follow, usually /etc/resolv.conf; "" follows
	// nothing.
	ResolvConf string
	// Upstreams, where given, are used instead of ResolvConf.
	Upstreams []netip.AddrPort
	// Log takes changes of the resolvers; nil is slog.Default.
	Log *slog.Logger
}

// A Service answers DNS queries from local names, a cache and the host's
// resolvers. Call New, then Run.
type Service struct {
	opts Options
	log  *slog.Logger

	queue  chan request
	calls  chan func(context.Context)
	events chan event
	ended  chan struct{} // closed when Run returns
	ran    atomic.Bool
	turned atomic.Uint64 // queries refused because the queue was full

	mu        sync.Mutex // guards what follows
	forwarder *dnsfwd.Forwarder
	source    string
	closed    bool // nothing is forwarded
	sourceErr error
	pinned    bool // the resolvers are given: what the follower reads is not used

	// Owned by the loop in Run.
	unfollow func() // ends the follower and waits for it; nil: there is none
	replies  map[uint64]func([]byte)
	token    uint64
	asks     map[dnsfwd.Ask]context.CancelFunc
	tasks    sync.WaitGroup // the sockets' readers and the follower
}

// A request is one query on its way to the loop. done is called at most once,
// by the loop, with nil where there is no answer.
type request struct {
	client dnsfwd.Client
	msg    []byte
	done   func([]byte)
}

// New returns a Service that does nothing until Run. Pinned upstreams are in
// use at once.
func New(cfg dnsfwd.Config, opts Options) *Service {
	s := &Service{
		opts:      opts,
		log:       opts.Log,
		queue:     make(chan request, queueLen),
		calls:     make(chan func(context.Context)),
		events:    make(chan event),
		ended:     make(chan struct{}),
		forwarder: dnsfwd.New(cfg),
		source:    opts.ResolvConf,
		closed:    cfg.Closed,
		replies:   make(map[uint64]func([]byte)),
		asks:      make(map[dnsfwd.Ask]context.CancelFunc),
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if len(opts.Upstreams) > 0 {
		s.pin(opts.Upstreams)
	}
	return s
}

// Submit hands over a query that came as a datagram. It never blocks; false
// means that the queue is full or Run has returned, and reply will not be called.
// msg must not be changed afterwards. reply is called at most once, with a
// message that is the callee's to keep, from the Service's goroutine; it must
// not block.
func (s *Service) Submit(from netip.AddrPort, msg []byte, reply func(msg []byte)) bool {
	r := request{client: dnsfwd.Client{From: from}, msg: msg, done: func(b []byte) {
		if b != nil {
			reply(b)
		}
	}}
	select {
	case <-s.ended:
		return false
	default:
	}
	select {
	case s.queue <- r:
		return true
	default:
		s.turned.Add(1)
		return false
	}
}

// SetHosts replaces the local names; see [dnsfwd.Forwarder.SetHosts] for what
// names are taken.
func (s *Service) SetHosts(hosts []dnsfwd.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forwarder.SetHosts(hosts)
}

var errRunTwice = errors.New("dns service: run was called before; make a new service")

// Run serves until ctx is cancelled, which is no error. It may be called once.
// When it returns, all of its goroutines have ended and no reply is called
// any more; queries that were still waiting get none.
func (s *Service) Run(ctx context.Context) error {
	if s.ran.Swap(true) {
		return errRunTwice
	}
	defer close(s.ended)
	ctx, cancel := context.WithCancel(ctx)
	defer s.tasks.Wait()
	defer cancel()
	if len(s.opts.Upstreams) == 0 {
		s.follow(ctx)
	}
	s.loop(ctx)
	return nil
}

// loop is the one goroutine that carries out the Forwarder's actions.
func (s *Service) loop(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		s.rearm(timer)
		select {
		case <-ctx.Done():
			return
		case fn := <-s.calls:
			fn(ctx)
		case r := <-s.queue:
			s.query(ctx, r)
		case e := <-s.events:
			s.act(ctx, s.hear(e))
		case <-timer.C:
			s.act(ctx, s.tick())
		}
	}
}

// rearm sets the timer to the Forwarder's next deadline.
func (s *Service) rearm(timer *time.Timer) {
	s.mu.Lock()
	at, ok := s.forwarder.Next()
	s.mu.Unlock()
	if !ok {
		timer.Stop()
		return
	}
	timer.Reset(time.Until(at))
}

func (s *Service) query(ctx context.Context, r request) {
	s.token++
	r.client.Token = s.token
	s.replies[s.token] = r.done
	s.mu.Lock()
	a := s.forwarder.Query(time.Now(), r.client, r.msg)
	s.mu.Unlock()
	s.do(ctx, a)
}

func (s *Service) hear(e event) []dnsfwd.Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.err != nil {
		return s.forwarder.Failed(time.Now(), e.ask)
	}
	return s.forwarder.Response(time.Now(), e.ask, e.msg)
}

func (s *Service) tick() []dnsfwd.Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forwarder.Tick(time.Now())
}

func (s *Service) act(ctx context.Context, actions []dnsfwd.Action) {
	for _, a := range actions {
		s.do(ctx, a)
	}
}

func (s *Service) do(ctx context.Context, a dnsfwd.Action) {
	switch a.Kind {
	case dnsfwd.Answer, dnsfwd.Drop:
		s.reply(a.Client.Token, a.Msg)
	case dnsfwd.Send:
		s.open(ctx, a.Ask, a.Msg)
	case dnsfwd.Release:
		s.asks[a.Ask]()
		delete(s.asks, a.Ask)
	}
}

// reply finishes a request. A dropped response has no token and no request.
func (s *Service) reply(token uint64, msg []byte) {
	if done, ok := s.replies[token]; ok {
		delete(s.replies, token)
		done(msg)
	}
}
