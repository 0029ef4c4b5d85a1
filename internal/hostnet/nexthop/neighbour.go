package nexthop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	useTime      = 2 * time.Minute  // how long a hop counts as in use
	refreshEvery = 10 * time.Second // below the kernel's shortest REACHABLE, 15 s
)

// States in which the kernel itself would send to the MAC (NUD_VALID).
const valid = netlink.NUD_PERMANENT | netlink.NUD_NOARP | netlink.NUD_REACHABLE |
	netlink.NUD_PROBE | netlink.NUD_STALE | netlink.NUD_DELAY

// States that need no refreshing, and must not be touched: NTF_USE would turn a
// permanent entry into an ordinary one.
const settled = netlink.NUD_PERMANENT | netlink.NUD_NOARP | netlink.NUD_REACHABLE

// neighbour names an entry of the neighbour table.
type neighbour struct {
	ifindex int
	addr    netip.Addr
}

// reading is what the table says of a neighbour.
type reading struct {
	state int // NUD_*
	mac   [6]byte
}

func (r reading) valid() bool { return r.state&valid != 0 }

// entry is a neighbour that somebody waits for or has been given, under
// Follower.mu.
type entry struct {
	used   time.Time
	given  bool          // a Hop with mac is out
	mac    [6]byte       // as given
	signal chan struct{} // closed at the next change of the table; nil: nobody waits
}

// wake tells those who wait to look again.
func (e *entry) wake() {
	if e.signal != nil {
		close(e.signal)
		e.signal = nil
	}
}

// resolve returns the neighbour's MAC, asking the kernel for it and waiting
// until ctx ends or the kernel gives up.
func (f *Follower) resolve(ctx context.Context, n neighbour) (mac [6]byte, found bool, err error) {
	for asked := false; ; asked = true {
		changed := f.await(n) // before the look, so that no change is missed
		r, err := f.read(n)
		if err != nil {
			return mac, false, err
		}
		if !asked && r.state&settled == 0 {
			if err := f.ask(n); err != nil {
				return mac, false, err
			}
		}
		if r.valid() && f.give(n, r.mac, changed) {
			return r.mac, true, nil
		}
		if asked && r.state&netlink.NUD_FAILED != 0 {
			return mac, false, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return mac, false, nil
		}
	}
}

// enter returns the neighbour's entry, marked as in use; mu is held.
func (f *Follower) enter(n neighbour) *entry {
	e := f.neighbours[n]
	if e == nil {
		e = &entry{}
		f.neighbours[n] = e
	}
	e.used = time.Now()
	return e
}

// touch marks the neighbour as in use from now on.
func (f *Follower) touch(n neighbour) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.enter(n)
}

// await returns a channel that closes at the neighbour's next change.
func (f *Follower) await(n neighbour) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.enter(n)
	if e.signal == nil {
		e.signal = make(chan struct{})
	}
	return e.signal
}

// give notes that a Hop with this MAC goes out, unless the table has changed
// since the wait began: then the MAC may be old and nobody would say so.
func (f *Follower) give(n neighbour, mac [6]byte, since <-chan struct{}) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.neighbours[n]
	if e == nil || e.signal != since {
		return false
	}
	e.given, e.mac = true, mac
	return true
}

// note takes in a reading and reports whether it contradicts a Hop given
// earlier.
func (f *Follower) note(n neighbour, r reading) (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.neighbours[n]
	if e == nil {
		return false
	}
	e.wake()
	changed = e.given && (!r.valid() || e.mac != r.mac)
	e.given = e.given && !changed
	return changed
}

// read asks the kernel for one entry; the zero reading if there is none.
func (f *Follower) read(n neighbour) (reading, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, 0)
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: f.raw}
	req.AddData(&netlink.Ndmsg{Family: family(n.addr), Index: uint32(n.ifindex)})
	req.AddData(nl.NewRtAttr(netlink.NDA_DST, n.addr.AsSlice()))
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return reading{}, nil
	}
	if err != nil {
		return reading{}, fmt.Errorf("ask for neighbour %s: %w", n.addr, err)
	}
	if len(msgs) == 0 {
		return reading{}, nil
	}
	_, r, err := parseNeighbour(msgs[0])
	return r, err
}

func parseNeighbour(msg []byte) (neighbour, reading, error) {
	m, err := netlink.NeighDeserialize(msg)
	if err != nil {
		return neighbour{}, reading{}, fmt.Errorf("parse neighbour: %w", err)
	}
	r := reading{state: m.State}
	copy(r.mac[:], m.HardwareAddr)
	return neighbour{m.LinkIndex, addrOf(m.IP)}, r, nil
}

// ask has the kernel resolve or confirm the neighbour, as if it had a packet
// for it.
func (f *Follower) ask(n neighbour) error {
	err := f.handle.NeighSet(&netlink.Neigh{
		LinkIndex: n.ifindex,
		Family:    int(family(n.addr)),
		IP:        n.addr.AsSlice(),
		Flags:     netlink.NTF_USE,
	})
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENETDOWN) {
		return nil // the route is about to go too
	}
	if err != nil {
		return fmt.Errorf("ask the kernel to resolve %s (needs CAP_NET_ADMIN): %w", n.addr, err)
	}
	return nil
}

func family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// refresh confirms the neighbours of Hops in use and forgets the others. It
// reports whether it forgot one of which a Hop was given.
func (f *Follower) refresh(now time.Time) (forgot bool, err error) {
	keep, forgot := f.expire(now)
	for _, n := range keep {
		r, failed := f.read(n)
		if failed == nil && r.state&settled == 0 {
			failed = f.ask(n)
		}
		err = errors.Join(err, failed)
	}
	return forgot, err
}

// expire drops the neighbours that are not in use any more, and those that
// never answered, so that a guest's scan costs no further requests; it lists
// what is left.
func (f *Follower) expire(now time.Time) (keep []neighbour, forgot bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, e := range f.neighbours {
		switch idle := now.Sub(e.used); {
		case e.given && idle < useTime:
			keep = append(keep, n)
		case e.given || idle >= refreshEvery:
			forgot = forgot || e.given
			e.wake()
			delete(f.neighbours, n)
		}
	}
	return keep, forgot
}

// watched lists every neighbour that has an entry.
func (f *Follower) watched() []neighbour {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.neighbours))
}
