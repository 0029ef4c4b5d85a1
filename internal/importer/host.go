package importer

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"ubridge/internal/config"
)

// guestDevice are the devices that guests, not cables, hang off: taps of QEMU and
// libvirt, veths of containers.
var guestDevice = regexp.MustCompile(`^(tap|vnet|veth|macvtap|lxc|dummy|tun)[-_.0-9a-z]*$`)

// SplitPorts tells the NIC of a bridge, its first port that is no guest's, from
// its other ports. Without one the NIC is empty.
func SplitPorts(ports []string) (nic string, rest []string) {
	for _, p := range ports {
		if nic == "" && !guestDevice.MatchString(p) {
			nic = p
			continue
		}
		rest = append(rest, p)
	}
	return nic, rest
}

// sysctlFiles are read in this order; what is read last stands (sysctl.d(5)).
var sysctlFiles = []string{"/usr/lib/sysctl.d/*.conf", "/run/sysctl.d/*.conf", "/etc/sysctl.d/*.conf", "/etc/sysctl.conf"}

var forwarding = regexp.MustCompile(`^\s*-?net[./]ipv4[./](ip_forward|conf[./]all[./]forwarding)\s*=\s*(\d+)\s*$`)

// Forwards reports whether the host is set to forward IPv4 packets, and which
// line says so.
func (f *Files) Forwards() (on bool, why string) {
	why = "no file of sysctl.d sets net.ipv4.ip_forward"
	for _, pattern := range sysctlFiles {
		for _, file := range f.Glob(pattern) {
			text, err := f.Read(file)
			if err != nil {
				continue // a hint only
			}
			for i, line := range bytes.Split(text, []byte{'\n'}) {
				if m := forwarding.FindSubmatch(line); m != nil {
					on, why = string(m[2]) != "0", fmt.Sprintf("%s:%d says %s", file, i+1, strings.TrimSpace(string(line)))
				}
			}
		}
	}
	return on, why
}

// Inside is the network that a bridge without a NIC becomes, which other tools
// gave no DHCP and no DNS. masquerade is where the host is told to translate for
// it, in words; empty: nowhere.
func (f *Files) Inside(p *Plan, at At, bridge, masquerade string) config.Network {
	mode := config.ModeIsolated
	forwards, why := f.Forwards()
	switch {
	case masquerade != "":
		mode, why = config.ModeNAT, masquerade
	case forwards:
		mode = config.ModeRoute
	}
	n := config.DefaultIn(at.Network, mode)
	n.Bridge, n.DHCP.Enabled, n.DNS.Enabled = bridge, false, false
	p.Note(at, "mode", `set another mode if guests had more, or less, such as "nat"`,
		"mode %s was chosen for %s, which has no NIC in it: %s", mode, bridge, why)
	p.Note(at, "dhcp", "set dhcp.enabled and dns.enabled = true, or import dnsmasq where it served this bridge",
		"a bridge has no DHCP and DNS of its own, so they are off")
	return n
}

// OnLAN is the network that a bridge with a NIC in it becomes.
func OnLAN(at At, nic string, rest []string) config.Network {
	n := config.DefaultIn(at.Network, config.ModeBridge)
	n.Uplink, n.Ports = nic, rest
	return n
}
