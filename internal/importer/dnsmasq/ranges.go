package dnsmasq

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"ubridge/internal/config"
	"ubridge/internal/importer"
)

// pool is one IPv4 dhcp-range.
type pool struct {
	first, last netip.Addr // last invalid: reservations only
	mask        string
	lease       string
	device      string // interface: NAME
}

// ranges makes a network of each subnet that is leased from.
func (r *reader) ranges() {
	for _, s := range r.list("dhcp-range") {
		p, ok := r.pool(s)
		if !ok {
			continue
		}
		n := r.network(s, p)
		if n == nil {
			continue
		}
		r.lend(s, n, p)
		r.leaseTime(s, n, p.lease)
	}
}

// lend adds a pool's addresses to the network's.
func (r *reader) lend(s *setting, n *served, p pool) {
	if !p.last.IsValid() {
		return // for reservations only, see finish
	}
	for _, o := range n.DHCP.Ranges {
		if o.First.Compare(p.last) <= 0 && p.first.Compare(o.Last) <= 0 {
			r.plan.Note(s.at(n.Name), s.key, "", "%s: an earlier dhcp-range leases of these addresses", s.value)
			return
		}
	}
	n.DHCP.Ranges = append(n.DHCP.Ranges, without(config.Range{First: p.first, Last: p.last}, n.Address.Addr())...)
}

// without splits a range so that it does not hold the gateway.
func without(r config.Range, gateway netip.Addr) (list []config.Range) {
	if !r.Contains(gateway) {
		return []config.Range{r}
	}
	if r.First.Less(gateway) {
		list = append(list, config.Range{First: r.First, Last: gateway.Prev()})
	}
	if gateway.Less(r.Last) {
		list = append(list, config.Range{First: gateway.Next(), Last: r.Last})
	}
	return list
}

// pool reads dhcp-range: [TAG…,]START[,END|MODE][,MASK[,BROADCAST]][,LEASE].
func (r *reader) pool(s *setting) (p pool, ok bool) {
	list := words(s.value)
	for len(list) > 0 && tagged(list[0]) {
		if device, is := strings.CutPrefix(list[0], "interface:"); is {
			p.device = device
		} else {
			r.note(s, "", "%s: tags are not carried over", list[0])
		}
		list = list[1:]
	}
	first, err := netip.ParseAddr(list0(list))
	if err != nil || !first.Is4() {
		r.note(s, "", "%s: networks of ubridge lease IPv4 addresses only", s.value)
		return p, false
	}
	p.first = first
	for i, w := range list[1:] {
		a, err := netip.ParseAddr(w)
		switch {
		case i == 0 && err == nil:
			p.last = a
		case w == "proxy":
			r.note(s, "", "a proxy for network boot only is not carried over")
			return p, false
		case err == nil && p.mask == "":
			p.mask = w
		case err != nil && w != "static":
			p.lease = w
		}
	}
	if p.last.IsValid() && (!p.last.Is4() || p.last.Less(p.first)) {
		r.note(s, "correct it", "%s is no range of IPv4 addresses", s.value)
		return p, false
	}
	return p, true
}

func list0(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// tagged reports whether a word is about tags or the interface.
func tagged(word string) bool {
	key, _, found := strings.Cut(word, ":")
	switch key {
	case "tag", "set", "net", "interface", "constructor":
		return found
	}
	return false
}

// leaseTime reads a lease time as dnsmasq does: seconds, or with a unit.
func (r *reader) leaseTime(s *setting, n *served, text string) {
	if text == "" {
		return
	}
	d, ok := leaseTime(text)
	switch {
	case !ok:
		r.plan.Note(s.at(n.Name), s.key, "set dhcp.lease_time", "%q is no lease time", text)
	case d < config.MinLeaseTime:
		n.DHCP.LeaseTime = config.MinLeaseTime // as dnsmasq
	default:
		n.DHCP.LeaseTime = d
	}
}

func leaseTime(text string) (time.Duration, bool) {
	switch text {
	case "":
		return 0, false
	case "infinite":
		return config.InfiniteLease, true
	}
	unit, digits := time.Second, text
	switch text[len(text)-1] | 0x20 {
	case 's':
		digits = text[:len(text)-1]
	case 'm':
		unit, digits = time.Minute, text[:len(text)-1]
	case 'h':
		unit, digits = time.Hour, text[:len(text)-1]
	case 'd':
		unit, digits = 24*time.Hour, text[:len(text)-1]
	case 'w':
		unit, digits = 7*24*time.Hour, text[:len(text)-1]
	}
	var v uint32
	if _, err := fmt.Sscanf(digits, "%d", &v); err != nil || fmt.Sprint(v) != digits {
		return 0, false
	}
	return min(time.Duration(v)*unit, config.InfiniteLease), true
}

// network finds or makes the network of a pool; nil for one that cannot be.
func (r *reader) network(s *setting, p pool) *served {
	if n := r.of(p.first); n != nil {
		return n
	}
	n := &served{known: r.bridgeOf(p)}
	if n.known != nil && n.known.Mode == config.ModeBridge {
		r.note(s, "leave dnsmasq to the LAN, and import its bridge", "%s is on the LAN of %s, where ubridge leases nothing", n.known.Name, n.known.Uplink)
		return nil
	}
	n.device = r.device(p, n.known)
	name := n.device
	if name == "" {
		name = "dnsmasq"
		if len(r.nets) > 0 {
			name = fmt.Sprintf("dnsmasq%d", len(r.nets))
		}
	}
	n.at = s.at(name)
	n.Network.Network = config.Default(name)
	r.base(s, n, p)
	r.nets = append(r.nets, n)
	return n
}

// bridgeOf is the bridge that a pool's addresses are on, where one is known.
func (r *reader) bridgeOf(p pool) *importer.Network {
	for i := range r.bridges {
		b := &r.bridges[i]
		if p.device != "" && b.Name == p.device || b.Pinned() && b.Address.Contains(p.first) {
			return b
		}
	}
	if on := r.list("interface"); len(on) == 1 { // it may be a bridge with a NIC, which has no address here
		for i := range r.bridges {
			if b := &r.bridges[i]; b.Name == on[0].value {
				return b
			}
		}
	}
	return nil
}

// device is the interface of a pool, empty if it is not known.
func (r *reader) device(p pool, known *importer.Network) string {
	on := r.list("interface")
	switch {
	case known != nil && known.Bridge != "":
		return known.Bridge
	case p.device != "":
		return p.device
	case len(on) == 1:
		return on[0].value
	}
	return ""
}
