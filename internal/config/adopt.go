package config

import (
	"bytes"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"
)

// Adopt says which devices become ports of a network when they appear: by the
// device's name or by the guest's MAC.
type Adopt struct {
	Devices []DevicePattern
	MACs    []net.HardwareAddr // of guests
}

// DevicePattern matches devices of one kind by their name.
type DevicePattern struct {
	Kind string // tap or veth
	Name string // as path.Match: "vnet*"
}

// String is the form of the configuration: "vnet*" or "veth:lxc*".
func (p DevicePattern) String() string {
	if p.Kind == KindTap {
		return p.Name
	}
	return p.Kind + ":" + p.Name
}

// Kinds of device that can be adopted.
const (
	KindTap  = "tap"
	KindVeth = "veth"
)

// Matches reports whether the pattern names the device.
func (p DevicePattern) Matches(kind, name string) bool {
	ok, err := path.Match(p.Name, name)
	return err == nil && ok && kind == p.Kind
}

// HasDevice reports whether a pattern names the device.
func (a Adopt) HasDevice(kind, name string) bool {
	return slices.ContainsFunc(a.Devices, func(p DevicePattern) bool { return p.Matches(kind, name) })
}

// HasMAC reports whether mac, the address of a tap, belongs to a guest that is to
// be adopted: libvirt gives the tap the guest's MAC with FE for its first octet,
// FA where that is the guest's own (virDomainInterfaceEthernetConnect).
func (a Adopt) HasMAC(mac net.HardwareAddr) bool {
	return slices.ContainsFunc(a.MACs, func(guest net.HardwareAddr) bool { return bytes.Equal(mac, tapMAC(guest)) })
}

// tapMAC is what libvirt gives the tap of a guest with that MAC.
func tapMAC(guest net.HardwareAddr) net.HardwareAddr {
	mac := slices.Clone(guest)
	mac[0] = 0xfe
	if guest[0] == 0xfe {
		mac[0] = 0xfa
	}
	return mac
}

// Any reports whether anything can be adopted at all.
func (a Adopt) Any() bool { return len(a.Devices) > 0 || len(a.MACs) > 0 }

func (f *faults) adopt(raw *rawNetwork, a *Adopt) {
	for _, text := range f.names("adopt", raw.Adopt) {
		p := DevicePattern{Kind: KindTap, Name: text}
		if kind, name, given := strings.Cut(text, ":"); given {
			p = DevicePattern{Kind: kind, Name: name}
		}
		a.Devices = append(a.Devices, p)
	}
	for i := range f.names("adopt_macs", raw.AdoptMACs) {
		var mac net.HardwareAddr
		f.mac(element("adopt_macs", i), &raw.AdoptMACs[i], &mac)
		if mac != nil {
			a.MACs = append(a.MACs, mac)
		}
	}
}

func (f *faults) checkAdopt(a Adopt) {
	for i, p := range a.Devices {
		key := element("adopt", i)
		if err := p.check(); err != nil {
			f.add(key, `write it as "vnet*", or "veth:lxc*" for the ends of veth pairs`, "%v", err)
		}
		if slices.Contains(a.Devices[:i], p) {
			f.add(key, "leave one out", "%s is named twice", p)
		}
	}
	for i, m := range a.MACs {
		key := element("adopt_macs", i)
		f.station(key, m)
		if slices.ContainsFunc(a.MACs[:i], func(o net.HardwareAddr) bool { return bytes.Equal(o, m) }) {
			f.add(key, "leave one out", "%v is named twice", m)
		}
	}
}

// check reports why the pattern names no devices, or too many: one that begins
// with a wildcard would take taps that have nothing to do with guests.
func (p DevicePattern) check() error {
	_, malformed := path.Match(p.Name, "")
	switch {
	case p.Kind != KindTap && p.Kind != KindVeth:
		return fmt.Errorf("devices of kind %q are not adopted, tap and veth are", p.Kind)
	case p.Name == "":
		return fmt.Errorf("the pattern is empty")
	case strings.ContainsRune("*?[", rune(p.Name[0])):
		return fmt.Errorf("the pattern %q begins with a wildcard, so that it names devices of all sorts", p.Name)
	case malformed != nil || strings.ContainsAny(p.Name, "/: \t\n\\") || len(p.Name) > maxPattern:
		return fmt.Errorf("%q is no pattern of device names", p.Name)
	}
	return nil
}

// maxPattern is enough for each of a name's characters to be a small class.
const maxPattern = 8 * maxDevice

// clashAdopt records patterns that two networks share. Two that merely overlap
// are allowed: the network whose name comes first adopts.
func (f *faults) clashAdopt(n, other *Network) {
	for i, p := range n.Adopt.Devices {
		if slices.Contains(other.Adopt.Devices, p) {
			f.add(element("adopt", i), "leave one out", "network %s (%s) adopts %s too", other.Name, other.where(), p)
		}
	}
	for i, m := range n.Adopt.MACs {
		if slices.ContainsFunc(other.Adopt.MACs, func(o net.HardwareAddr) bool { return bytes.Equal(o, m) }) {
			f.add(element("adopt_macs", i), "leave one out", "network %s (%s) adopts the guest %v too", other.Name, other.where(), m)
		}
	}
}

// Texts are all that is adopted, as the definition has it: patterns, then MACs.
func (a Adopt) Texts() []string { return append(a.deviceTexts(), a.macTexts()...) }

func (a Adopt) deviceTexts() (list []string) {
	for _, p := range a.Devices {
		list = append(list, p.String())
	}
	return list
}

func (a Adopt) macTexts() (list []string) {
	for _, m := range a.MACs {
		list = append(list, m.String())
	}
	return list
}
