package ifcfg

import (
	"path"
	"strconv"
	"strings"

	"ubridge/internal/config"
	"ubridge/internal/importer"
)

// bridge is one file with TYPE=Bridge.
type bridge struct {
	files *importer.Files
	plan  *importer.Plan
	dir   string
	file  *file
	all   []*file
	at    importer.At
}

// build makes the bridge's network.
func (b *bridge) build() {
	var ports []string
	for _, f := range b.all {
		if f.get("BRIDGE") == b.file.device {
			ports = append(ports, f.device)
		}
	}
	nic, rest := importer.SplitPorts(ports)
	var n importer.Network
	if nic != "" {
		n.Network = importer.OnLAN(b.at, nic, rest)
		n.Edit = b.edit(nic)
	} else {
		n.Network = b.files.Inside(b.plan, b.at, b.file.device, "")
		n.Ports = rest
		n.Edit = "take " + b.file.path + " away, so that ubridge can make " + b.file.device + "\n"
	}
	n.Autostart = b.file.get("ONBOOT") == "" || importer.True(b.file.get("ONBOOT"))
	for _, p := range rest {
		b.plan.Note(b.at, "BRIDGE", "leave it out of ports if it should not be", "%s becomes an ordinary port of the network", p)
	}
	for i := range b.file.assignments {
		b.carry(&n.Network, &b.file.assignments[i])
	}
	b.companions(&n.Network)
	b.plan.Add(b.at, n)
}

func (b *bridge) place(a *assignment) importer.At {
	return importer.At{Network: b.at.Network, File: b.file.path, Line: a.line}
}

// silent are keys that say nothing of a network, or what is read with another.
var silent = map[string]bool{
	"TYPE": true, "DEVICE": true, "NAME": true, "UUID": true, "ONBOOT": true, "NM_CONTROLLED": true, "USERCTL": true,
	"BOOTPROTO": true, "NETMASK": true, "PREFIX": true, "NETMASK0": true, "PREFIX0": true, "BROADCAST": true, "NETWORK": true,
	"AUTOCONNECT_PRIORITY": true, "HOTPLUG": true,
}

// hardware are the keys for a MAC of the bridge's own.
var hardware = map[string]bool{"MACADDR": true, "HWADDR": true, "BRIDGE_MACADDR": true}

// carry takes one assignment into the definition, or notes it.
func (b *bridge) carry(n *config.Network, a *assignment) {
	switch {
	case a.key == "STP":
		if importer.True(a.value) {
			b.plan.Note(b.place(a), a.key, "cable without loops, or keep spanning tree in the LAN's switches", "ubridge speaks no spanning tree")
		}
	case a.key == "DELAY":
		if !importer.Zero(a.value) {
			b.plan.Note(b.place(a), a.key, "", "nothing waits: a port forwards at once")
		}
	case a.key == "BRIDGING_OPTS":
		b.options(n, a)
	case a.key == "MTU":
		v, err := strconv.Atoi(a.value)
		if err != nil {
			b.unread(a)
		}
		n.MTU = v
	case n.Mode == config.ModeBridge && hardware[a.key]:
		b.plan.Note(b.place(a), a.key, "write MACADDR into the file of "+n.Uplink+" if the LAN must see this address", "the host keeps the MAC of %s", n.Uplink)
	case silent[a.key] || n.Mode == config.ModeBridge: // the NIC's file has it
	default:
		b.carryHost(n, a)
	}
}

// options are BRIDGING_OPTS: names and values as in /sys/class/net/BR/bridge.
func (b *bridge) options(n *config.Network, a *assignment) {
	for word := range strings.FieldsSeq(a.value) {
		key, value, _ := strings.Cut(word, "=")
		d, ok := importer.Seconds(value)
		switch {
		case key == "ageing_time" && ok && d > 0:
			n.Ageing = d / 100 // it is in hundredths of a second
		case key == "stp_state" && importer.Zero(value), key == "forward_delay" && importer.Zero(value):
		default:
			b.plan.Note(b.place(a), a.key, "", "%s: ubridge has nothing like it", word)
		}
	}
}

// carryHost takes what a bridge without a NIC says of the host's address.
func (b *bridge) carryHost(n *config.Network, a *assignment) {
	switch a.key {
	case "IPADDR", "IPADDR0":
		b.address(n, a)
	case "MACADDR", "HWADDR", "BRIDGE_MACADDR":
		m, ok := importer.MAC(a.value)
		if !ok {
			b.unread(a)
			return
		}
		n.MAC = m
	case "GATEWAY", "GATEWAY0":
		b.plan.Note(b.place(a), a.key, "give the host its default route on the interface that leads there",
			"%s is the gateway of its guests, not the host's way out", n.Bridge)
	case "DNS1", "DNS2", "DNS3", "DOMAIN", "SEARCH":
		b.plan.Note(b.place(a), a.key, "keep it where the host's resolvers are set; guests are forwarded to those", "it is for the host's own resolver")
	case "IPV6INIT", "IPV6_AUTOCONF", "IPV6_DEFROUTE", "IPV6_FAILURE_FATAL", "IPV6_ADDR_GEN_MODE", "IPV6_PRIVACY", "IPV6_DISABLED":
		if a.key == "IPV6INIT" && importer.True(a.value) {
			b.plan.Note(b.place(a), a.key, "", "networks of ubridge have IPv4 only so far")
		}
	case "IPV6ADDR", "IPV6ADDR_SECONDARIES", "IPV6_DEFAULTGW":
		b.plan.Note(b.place(a), a.key, "", "%s: networks of ubridge have IPv4 only so far", a.value)
	case "ZONE":
		b.plan.Note(b.place(a), a.key, "put "+n.Bridge+" into the zone again by firewall-cmd", "the firewall's zone %s is not set by ubridge", a.value)
	default:
		b.plan.Note(b.place(a), a.key, "", "%s: ubridge has nothing like it", a.value)
	}
}

// address reads IPADDR with its mask.
func (b *bridge) address(n *config.Network, a *assignment) {
	suffix := strings.TrimPrefix(a.key, "IPADDR")
	mask := b.file.get("PREFIX" + suffix)
	if mask == "" {
		mask = b.file.get("NETMASK" + suffix)
	}
	p, guessed, err := importer.Prefix(a.value, mask)
	if err != nil {
		b.plan.Note(b.place(a), a.key, "set address in the definition by hand", "%v", err)
		return
	}
	if guessed {
		b.plan.Note(b.place(a), a.key, "correct address if it is another", "%s has no netmask; /24 was taken", a.value)
	}
	n.Address = p
}

// companions are files beside the bridge's that name it.
func (b *bridge) companions(n *config.Network) {
	for _, kind := range []string{"route-", "route6-", "rule-", "rule6-"} {
		name := path.Join(b.dir, kind+b.file.device)
		if !b.files.Exists(name) {
			continue
		}
		fix := "set these routes another way"
		if n.Mode == config.ModeBridge {
			fix = "rename it to " + kind + n.Uplink
		}
		b.plan.Note(importer.At{Network: b.at.Network, File: name}, "", fix, "the host's routes by %s are not carried over", b.file.device)
	}
}

func (b *bridge) unread(a *assignment) {
	b.plan.Note(b.place(a), a.key, "set it in the definition by hand", "%q is not understood", a.value)
}
