package daemon

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"ubridge/dhcpd"
	"ubridge/internal/api"
	"ubridge/internal/wire"
)

const (
	// eventRoom is how many events wait for a subscriber that is slow: a hundred
	// guests that start at once fit.
	eventRoom = 512
	// maxSubscribers bounds what waits in all.
	maxSubscribers = 64
)

// bus hands events to those who listen. It never waits for one of them.
type bus struct {
	mu     sync.Mutex
	subs   []*subscriber
	closed bool
}

type subscriber struct {
	want api.EventRequest
	c    chan api.Event
	lost uint64 // since the last event that there was room for
}

// tell gives an event to all who want it; who has no room for it loses it, and
// is told how many with the next one.
func (b *bus) tell(e api.Event) {
	e.Time = float64(time.Now().UnixMilli()) / 1000
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.subs {
		if s.want.Network != "" && s.want.Network != e.Network || s.want.Type != "" && s.want.Type != e.Type {
			continue
		}
		e.Lost = s.lost
		select {
		case s.c <- e:
			s.lost = 0
		default:
			s.lost++
		}
	}
}

// heard reports whether anybody listens.
func (b *bus) heard() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.subs) > 0
}

func (b *bus) subscribe(want api.EventRequest) (*subscriber, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, api.Errorf(api.Unavailable, "the daemon is stopping")
	case len(b.subs) >= maxSubscribers:
		return nil, api.Errorf(api.Conflict, "%d listen to events already, which is all there is room for", maxSubscribers)
	}
	s := &subscriber{want: want, c: make(chan api.Event, eventRoom)}
	b.subs = append(b.subs, s)
	return s, nil
}

// leave ends a subscription. A closed bus has ended it already.
func (b *bus) leave(s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subs = slices.DeleteFunc(b.subs, func(o *subscriber) bool { return o == s })
}

// close ends all subscriptions.
func (b *bus) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, s := range b.subs {
		close(s.c)
	}
	b.subs = nil
}

// Events implements api.Backend.
func (b backend) Events(ctx context.Context, r api.EventRequest) iter.Seq2[api.Event, error] {
	return func(yield func(api.Event, error) bool) {
		s, err := b.d.listen(r)
		if err != nil {
			yield(api.Event{}, err)
			return
		}
		defer b.d.events.leave(s)
		if !yield(api.Event{}, nil) {
			return
		}
		for {
			select {
			case <-ctx.Done():
				return
			case e, more := <-s.c:
				if !more || !yield(e, nil) {
					return
				}
			}
		}
	}
}

// listen checks what is asked for and subscribes.
func (d *Daemon) listen(r api.EventRequest) (*subscriber, error) {
	if r.Type != "" && !slices.Contains(api.EventTypes(), r.Type) {
		return nil, api.Errorf(api.Usage, "there is no event type %q", r.Type)
	}
	d.mu.Lock()
	err := d.known(r.Network)
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return d.events.subscribe(r)
}

// lifecycle tells what became of a network.
func (d *Daemon) lifecycle(network, event string) {
	d.events.tell(api.Event{Type: api.EventLifecycle, Network: network, Event: event})
}

// portEvent tells what became of a port.
func (d *Daemon) portEvent(n *network, port, event string) {
	d.events.tell(api.Event{Type: api.EventPort, Network: n.name, Event: event, Port: port})
}

// leased takes the leases whenever they changed, on the DHCP server's goroutine:
// it gives DNS and libvirt's file the names, and tells what differs from before.
func (d *Daemon) leased(n *network) func([]dhcpd.Lease) {
	var before []dhcpd.Lease
	first := true
	return func(now []dhcpd.Lease) {
		n.leasesChanged(now)
		if !first && d.events.heard() {
			for _, e := range leaseEvents(before, now) {
				e.Network = n.name
				d.events.tell(e)
			}
		}
		before, first = now, false
	}
}

// leaseEvents are the differences of two lists of leases, both by address.
func leaseEvents(before, now []dhcpd.Lease) (list []api.Event) {
	for len(before) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(before) > 0 && before[0].IP.Less(now[0].IP):
			list = append(list, leaseEvent("removed", before[0]))
			before = before[1:]
		case len(before) == 0 || now[0].IP.Less(before[0].IP):
			list = append(list, leaseEvent("added", now[0]))
			now = now[1:]
		default:
			if was, is := before[0], now[0]; was.MAC != is.MAC {
				list = append(list, leaseEvent("removed", was), leaseEvent("added", is))
			} else if was.Hostname != is.Hostname || !was.Expires.Equal(is.Expires) {
				list = append(list, leaseEvent("changed", is))
			}
			before, now = before[1:], now[1:]
		}
	}
	return list
}

func leaseEvent(what string, l dhcpd.Lease) api.Event {
	e := api.Event{Type: api.EventLease, Event: what, MAC: wire.MAC(l.MAC).String(), IP: l.IP.String(), Name: l.Hostname}
	if !l.Expires.IsZero() {
		e.Expires = l.Expires.Unix()
	}
	return e
}
