package nexthop

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Options are what a Follower tells and how it judges.
type Options struct {
	// Changed is called after something changed on which a Hop depends.
	Changed func()
	// LocalChanged is called when the set of local addresses differs, with the
	// new one, before Changed.
	LocalChanged func(*LocalSet)
}

// Follower answers for the routing of one network namespace.
type Follower struct {
	options Options
	handle  *netlink.Handle
	raw     *nl.SocketHandle
	events  *monitor

	policy   atomic.Pointer[Policy]
	defaults atomic.Pointer[map[int]bool] // devices of default routes; nil: ask
	local    atomic.Pointer[LocalSet]

	mu         sync.Mutex
	neighbours map[neighbour]*entry

	links map[int]linkState // Run's own
}

// Open binds a Follower to the calling thread's network namespace and takes a
// first look. Changes count from now on; Run delivers them.
func Open(o Options) (f *Follower, err error) {
	f = &Follower{options: o, neighbours: map[neighbour]*entry{}, links: map[int]linkState{}}
	f.SetPolicy(Policy{})
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("follow the host's routes: %w", err), f.Close())
			f = nil
		}
	}()
	if f.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return f, err
	}
	socket, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return f, err
	}
	f.raw = &nl.SocketHandle{Socket: socket}
	if f.events, err = openMonitor(); err != nil {
		return f, err
	}
	set, err := f.readLocal()
	if err != nil {
		return f, err
	}
	f.local.Store(set)
	return f, f.readLinks()
}

// Close ends the Follower; Run must have returned.
func (f *Follower) Close() (err error) {
	if f.handle != nil {
		f.handle.Close()
	}
	if f.raw != nil {
		f.raw.Socket.Close()
	}
	if f.events != nil {
		err = f.events.Close()
	}
	return err
}

// SetPolicy replaces the policy, which is empty at first, and counts as a change
// for the Hops given from now on: the caller drops those it has.
func (f *Follower) SetPolicy(p Policy) { f.policy.Store(&p) }

// LocalAddrs returns the present set of the host's own addresses.
func (f *Follower) LocalAddrs() *LocalSet { return f.local.Load() }

// Resolve finds the way to an IPv4 destination and, on Ethernet, the next hop's
// MAC, for which it waits until ctx ends; Run must be running. Errors are netlink's; all that the
// host's tables can say is in Hop.Kind.
func (f *Follower) Resolve(ctx context.Context, dst netip.Addr) (Hop, error) {
	hop, err := f.Route(dst)
	if err != nil || hop.Kind != Forward || hop.L3 {
		return hop, err
	}
	mac, found, err := f.resolve(ctx, hop.neighbour())
	if err != nil {
		return Hop{}, fmt.Errorf("resolve %s on %s: %w", hop.Next, hop.Name, err)
	}
	if !found {
		hop.Kind = NoNeighbour
	}
	hop.MAC = mac
	return hop, nil
}

// Use marks the hop as in use, so that its neighbour entry is kept fresh for
// two minutes more. Call it at most once a few seconds, not per packet.
func (f *Follower) Use(hop Hop) {
	if hop.Kind == Forward && !hop.L3 {
		f.touch(hop.neighbour())
	}
}
