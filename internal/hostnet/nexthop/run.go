package nexthop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// linkState is what of a link a Hop depends on; the kernel notifies of much
// else.
type linkState struct {
	name        string
	flags       uint32
	mtu, master int
	mac         string
}

// effect collects what a batch of notifications means.
type effect struct {
	changed, local, defaults bool
}

// Run follows the kernel's notifications until ctx ends, which is no error.
func (f *Follower) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, f.events.wake)()
	next := time.Now().Add(refreshEvery)
	for {
		if err := f.events.file.SetReadDeadline(next); err != nil {
			return fmt.Errorf("follow the host's routes: %w", err)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := f.step(); err != nil {
			return fmt.Errorf("follow the host's routes: %w", err)
		}
		if now := time.Now(); now.After(next) {
			next = now.Add(refreshEvery)
			if err := f.tick(now); err != nil {
				return fmt.Errorf("follow the host's routes: %w", err)
			}
		}
	}
}

// step waits for one batch of notifications and acts on it.
func (f *Follower) step() error {
	var e effect
	err := f.events.receive(func(m syscall.NetlinkMessage) { f.handleMessage(m, &e) })
	if errors.Is(err, errOverrun) {
		return f.resync()
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return f.apply(e)
}

// tick is the periodic work.
func (f *Follower) tick(now time.Time) error {
	forgot, err := f.refresh(now)
	return errors.Join(err, f.apply(effect{changed: forgot}))
}

func (f *Follower) apply(e effect) error {
	if e.defaults {
		f.defaults.Store(nil)
	}
	if e.local {
		if err := f.reloadLocal(); err != nil {
			return err
		}
	}
	if e.changed && f.options.Changed != nil {
		f.options.Changed()
	}
	return nil
}

// resync reads everything again after notifications were lost.
func (f *Follower) resync() error {
	for _, n := range f.watched() {
		r, err := f.read(n)
		if err != nil {
			return err
		}
		f.note(n, r)
	}
	if err := f.readLinks(); err != nil {
		return err
	}
	return f.apply(effect{changed: true, local: true, defaults: true})
}

func (f *Follower) handleMessage(m syscall.NetlinkMessage, e *effect) {
	switch m.Header.Type {
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		e.changed = f.onNeighbour(m) || e.changed
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		e.changed = f.onLink(m) || e.changed
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		e.changed, e.local = true, true
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE, unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
		e.changed, e.local, e.defaults = true, true, true
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		e.changed = true
	}
}

func (f *Follower) onNeighbour(m syscall.NetlinkMessage) bool {
	if len(m.Data) < unix.SizeofNdMsg {
		return false
	}
	n, r, err := parseNeighbour(m.Data)
	if err != nil {
		return false
	}
	if m.Header.Type == unix.RTM_DELNEIGH {
		r = reading{}
	}
	return f.note(n, r)
}

func (f *Follower) onLink(m syscall.NetlinkMessage) bool {
	// A bridge tells of its ports by family AF_BRIDGE.
	if len(m.Data) < unix.SizeofIfInfomsg || m.Data[0] != unix.AF_UNSPEC {
		return false
	}
	header := unix.NlMsghdr{Type: m.Header.Type}
	link, err := netlink.LinkDeserialize(&header, m.Data)
	if err != nil {
		return true // cannot tell: assume the worst
	}
	index := link.Attrs().Index
	old, known := f.links[index]
	if m.Header.Type == unix.RTM_DELLINK {
		delete(f.links, index)
		return known
	}
	f.links[index] = stateOf(link)
	return !known || old != f.links[index]
}

func stateOf(link netlink.Link) linkState {
	a := link.Attrs()
	return linkState{
		name:   a.Name,
		flags:  a.RawFlags & (unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP),
		mtu:    a.MTU,
		master: a.MasterIndex,
		mac:    string(a.HardwareAddr),
	}
}

func (f *Follower) readLinks() error {
	links, err := dump(f.handle.LinkList)
	if err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	clear(f.links)
	for _, link := range links {
		f.links[link.Attrs().Index] = stateOf(link)
	}
	return nil
}
