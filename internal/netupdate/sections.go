package netupdate

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ubridge/internal/config"
)

// dhcpHost does ip-dhcp-host: a reservation, known by its MAC, client
// identifier, name or address.
func dhcpHost(n *config.Network, c Command, e Element) error {
	h, err := reservation(e)
	if err != nil {
		return err
	}
	list := n.DHCP.Hosts
	switch c {
	case Delete:
		at, err := one(list, "DHCP host", func(o config.DHCPHost) bool { return within(h, o) })
		if err != nil {
			return err
		}
		n.DHCP.Hosts = without(list, at)
	case Modify:
		at, err := one(list, "DHCP host", func(o config.DHCPHost) bool { return clashes(h, o) })
		if err != nil {
			return err
		}
		n.DHCP.Hosts = slices.Clone(list)
		n.DHCP.Hosts[at] = h
	default:
		if at := slices.IndexFunc(list, func(o config.DHCPHost) bool { return clashes(h, o) }); at >= 0 {
			return fmt.Errorf("there is a DHCP host with that MAC, name or address already: %s; modify or delete it", describe(list[at]))
		}
		n.DHCP.Hosts = insert(list, c, h)
		if !n.DHCP.Enabled { // as libvirt, which then serves what is reserved
			n.DHCP.Enabled, n.DHCP.ReservedOnly = true, len(n.DHCP.Ranges) == 0
		}
	}
	return nil
}

func reservation(e Element) (h config.DHCPHost, err error) {
	h.Name = strings.ToLower(e.Attrs["name"])
	if mac := e.Attrs["mac"]; mac != "" {
		if h.MAC, err = net.ParseMAC(mac); err != nil || len(h.MAC) != 6 {
			return h, fmt.Errorf("%q is no MAC address", mac)
		}
	}
	if ip := e.Attrs["ip"]; ip != "" {
		if h.IP, err = netip.ParseAddr(ip); err != nil {
			return h, fmt.Errorf("%q is no IP address", ip)
		}
	}
	if id := e.Attrs["client_id"]; id != "" {
		if h.ClientID, err = hex.DecodeString(strings.ReplaceAll(id, ":", "")); err != nil {
			return h, fmt.Errorf("%q is no client identifier: write its octets in hexadecimal", id)
		}
	}
	if h.LeaseTime, err = leaseTime(e.Attrs["lease_time"]); err != nil {
		return h, err
	}
	if h.MAC == nil && h.ClientID == nil && h.Name == "" && !h.IP.IsValid() {
		return h, fmt.Errorf("a DHCP host needs mac, client_id, name or ip")
	}
	return h, nil
}

// leaseTime reads a duration; 0 and "infinite" are for ever.
func leaseTime(text string) (time.Duration, error) {
	switch text {
	case "":
		return 0, nil
	case "infinite", "0", "0s", "0m", "0h":
		return config.InfiniteLease, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("lease_time: %q is no duration; write it as \"90m\"", text)
	}
	return d, nil
}

// clashes reports whether two reservations cannot be beside one another.
func clashes(a, b config.DHCPHost) bool {
	return a.MAC != nil && bytes.Equal(a.MAC, b.MAC) || a.ClientID != nil && bytes.Equal(a.ClientID, b.ClientID) ||
		a.Name != "" && a.Name == b.Name || a.IP.IsValid() && a.IP == b.IP
}

// within reports whether all that is said of a is true of b.
func within(a, b config.DHCPHost) bool {
	return (a.MAC == nil || bytes.Equal(a.MAC, b.MAC)) && (a.ClientID == nil || bytes.Equal(a.ClientID, b.ClientID)) &&
		(a.Name == "" || a.Name == b.Name) && (!a.IP.IsValid() || a.IP == b.IP)
}

func describe(h config.DHCPHost) string {
	var words []string
	if h.MAC != nil {
		words = append(words, "mac="+h.MAC.String())
	}
	if h.ClientID != nil {
		words = append(words, fmt.Sprintf("client_id=%x", h.ClientID))
	}
	if h.Name != "" {
		words = append(words, "name="+h.Name)
	}
	if h.IP.IsValid() {
		words = append(words, "ip="+h.IP.String())
	}
	return strings.Join(words, " ")
}

// dhcpRange does ip-dhcp-range. Where the definition names no range and leases
// more than is reserved, the whole subnet is the one that is there. Without the
// last range only reserved addresses are leased, as with libvirt.
func dhcpRange(n *config.Network, c Command, e Element) error {
	first, errA := netip.ParseAddr(e.Attrs["start"])
	last, errB := netip.ParseAddr(e.Attrs["end"])
	if errA != nil || errB != nil || !first.Is4() || !last.Is4() || last.Less(first) {
		return fmt.Errorf("start=%q end=%q is no range of IPv4 addresses", e.Attrs["start"], e.Attrs["end"])
	}
	r := config.Range{First: first, Last: last}
	list := n.DHCP.Ranges
	if len(list) == 0 && n.Pinned() && n.DHCP.Enabled && !n.DHCP.ReservedOnly {
		list = n.Pool(n.Address)
	}
	at := slices.Index(list, r)
	switch {
	case c == Delete && at < 0:
		return fmt.Errorf("there is no DHCP range %v; there is %s", r, join(list))
	case c == Delete:
		n.DHCP.Ranges = without(list, at)
		n.DHCP.ReservedOnly = n.DHCP.Ranges == nil
	case at >= 0:
		return fmt.Errorf("the DHCP range %v is there already", r)
	default:
		n.DHCP.Ranges = insert(list, c, r)
		n.DHCP.Enabled, n.DHCP.ReservedOnly = true, false
	}
	return nil
}

func join(list []config.Range) string {
	text := make([]string, len(list))
	for i, r := range list {
		text[i] = r.String()
	}
	return strings.Join(text, ", ")
}

// forwardInterface does forward-interface: the device by which packets leave,
// of which there is at most one here.
func forwardInterface(n *config.Network, c Command, e Element) error {
	dev := e.Attrs["dev"]
	switch {
	case dev == "":
		return fmt.Errorf("an interface needs dev")
	case c == Delete && n.Uplink != dev:
		return fmt.Errorf("%s is not the interface of network %s", dev, n.Name)
	case c == Delete:
		n.Uplink = ""
	case n.Uplink == dev:
		return fmt.Errorf("%s is the interface of network %s already", dev, n.Name)
	case n.Uplink != "":
		return fmt.Errorf("network %s has the interface %s, and one is all it can have: delete that first", n.Name, n.Uplink)
	default:
		n.Uplink = dev
	}
	return nil
}

// dnsHost does dns-host: names of an address.
func dnsHost(n *config.Network, c Command, e Element) error {
	h := config.DNSHost{}
	if ip := e.Attrs["ip"]; ip != "" {
		var err error
		if h.IP, err = netip.ParseAddr(ip); err != nil {
			return fmt.Errorf("%q is no IP address", ip)
		}
	}
	for _, name := range e.Names {
		h.Names = append(h.Names, strings.ToLower(strings.TrimSuffix(name, ".")))
	}
	list := n.DNS.Hosts
	if c == Delete {
		at, err := one(list, "DNS host", func(o config.DNSHost) bool { return h.IP.IsValid() && o.IP == h.IP || shares(h.Names, o.Names) })
		if err != nil {
			return err
		}
		n.DNS.Hosts = without(list, at)
		return nil
	}
	if at := slices.IndexFunc(list, func(o config.DNSHost) bool { return o.IP == h.IP }); at >= 0 {
		return fmt.Errorf("%v has names already: %s; delete it first", h.IP, strings.Join(list[at].Names, ", "))
	}
	n.DNS.Hosts = insert(list, c, h)
	return nil
}

func shares(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
