package nexthop

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// LocalSet is what the host's IPv4 table `local` holds: its own addresses and
// its networks' broadcast addresses. Immutable; the nil set is empty.
type LocalSet struct {
	hosts    map[[4]byte]Kind // Local or Broadcast
	prefixes []localPrefix    // longest first, such as 127.0.0.0/8
}

type localPrefix struct {
	prefix netip.Prefix
	kind   Kind
}

// Lookup tells whether the address (network byte order) is Local or Broadcast;
// Forward if it is neither. It does not allocate.
func (s *LocalSet) Lookup(addr [4]byte) Kind {
	if s == nil {
		return Forward
	}
	if kind, ok := s.hosts[addr]; ok {
		return kind
	}
	a := netip.AddrFrom4(addr)
	for i := range s.prefixes {
		if s.prefixes[i].prefix.Contains(a) {
			return s.prefixes[i].kind
		}
	}
	return Forward
}

// Addrs lists the single addresses that are Local, ascending, 127.0.0.1 among
// them.
func (s *LocalSet) Addrs() (addrs []netip.Addr) {
	for a, kind := range s.hosts {
		if kind == Local {
			addrs = append(addrs, netip.AddrFrom4(a))
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs
}

func (s *LocalSet) equal(o *LocalSet) bool {
	return maps.Equal(s.hosts, o.hosts) && slices.Equal(s.prefixes, o.prefixes)
}

func (s *LocalSet) add(r netlink.Route) {
	kind := kindOf(r.Type)
	if r.Dst == nil || kind != Local && kind != Broadcast {
		return
	}
	addr := addrOf(r.Dst.IP)
	ones, bits := r.Dst.Mask.Size()
	if ones != bits {
		s.prefixes = append(s.prefixes, localPrefix{netip.PrefixFrom(addr, ones), kind})
		return
	}
	if key := addr.As4(); s.hosts[key] != Local { // an address wins over a broadcast
		s.hosts[key] = kind
	}
}

func (f *Follower) readLocal() (*LocalSet, error) {
	routes, err := f.routes(unix.RT_TABLE_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("list table local: %w", err)
	}
	s := &LocalSet{hosts: map[[4]byte]Kind{}}
	for _, r := range routes {
		s.add(r)
	}
	slices.SortFunc(s.prefixes, func(a, b localPrefix) int {
		if d := b.prefix.Bits() - a.prefix.Bits(); d != 0 {
			return d
		}
		return a.prefix.Addr().Compare(b.prefix.Addr())
	})
	return s, nil
}

// reloadLocal publishes the table anew if it differs.
func (f *Follower) reloadLocal() error {
	s, err := f.readLocal()
	if err != nil || s.equal(f.local.Load()) {
		return err
	}
	f.local.Store(s)
	if f.options.LocalChanged != nil {
		f.options.LocalChanged(s)
	}
	return nil
}
