package ifupdown

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ubridge/internal/config"
	"ubridge/internal/importer"
)

// build makes the bridge's network.
func (b *bridge) build() {
	ports, unknown := b.ports()
	if unknown != nil {
		b.plan.Note(b.place(unknown), "bridge_ports", "write the NIC's name", "no device of this host matches %q, so the NIC is not known", unknown.value)
		return
	}
	nic, rest := importer.SplitPorts(ports)
	var n importer.Network
	if nic != "" {
		n.Network = importer.OnLAN(b.at, nic, rest)
		n.Edit = b.edit(nic)
		b.more(nic, rest)
	} else {
		n.Network = b.files.Inside(b.plan, b.at, b.name, b.masquerade())
		n.Ports = rest
		n.Edit = "take these stanzas out, so that ubridge can make " + b.name + ":\n" + b.places(b.name)
	}
	n.Autostart = b.auto[b.name]
	for i := range b.options {
		b.carry(&n.Network, &b.options[i])
	}
	b.plan.Add(b.at, n)
}

// more notes what is not obvious of the ports of a bridge with a NIC.
func (b *bridge) more(nic string, rest []string) {
	for _, p := range rest {
		b.plan.Note(b.at, "bridge_ports", "leave it out of ports if it should not be", "%s becomes an ordinary port; the host is on %s only", p, nic)
	}
}

func (b *bridge) place(o *option) importer.At {
	return importer.At{Network: b.name, File: o.file, Line: o.line}
}

// carry takes one option into the definition, or notes it.
func (b *bridge) carry(n *config.Network, o *option) {
	switch {
	case strings.HasPrefix(o.key, "bridge_"):
		b.carryBridge(n, o)
	case script(o.key):
		b.plan.Note(b.place(o), o.word, "keep what is still needed in "+b.owner(n)+"'s stanza or a unit of its own",
			"commands are not carried over: %s", strings.Join(strings.Fields(o.value), " "))
	case o.key == "mtu":
		b.number(o, func(v int) { n.MTU = v })
	case n.Mode == config.ModeBridge: // the NIC's stanza has it
	default:
		b.carryAddress(n, o)
	}
}

// owner is whose stanza stays for the host.
func (b *bridge) owner(n *config.Network) string {
	if n.Mode == config.ModeBridge {
		return n.Uplink
	}
	return "the host"
}

// masquerade is where a command has the host translate for the bridge.
func (b *bridge) masquerade() string {
	for i := range b.options {
		if o := &b.options[i]; script(o.key) && strings.Contains(strings.ToUpper(o.value), "MASQUERADE") {
			return b.place(o).String() + " has the host masquerade"
		}
	}
	return ""
}

func script(key string) bool {
	return slices.Contains([]string{"pre_up", "up", "post_up", "pre_down", "down", "post_down"}, key)
}

// carryBridge takes the options of bridge-utils-interfaces(5).
func (b *bridge) carryBridge(n *config.Network, o *option) {
	switch o.key {
	case "bridge_ports":
	case "bridge_ageing":
		if d, ok := importer.Seconds(o.value); ok && d > 0 {
			n.Ageing = d
			return
		}
		b.unread(o)
	case "bridge_hw":
		b.hardware(n, o)
	case "bridge_stp":
		if importer.True(o.value) {
			b.plan.Note(b.place(o), o.word, "cable without loops, or keep spanning tree in the LAN's switches", "ubridge speaks no spanning tree")
		}
	case "bridge_fd", "bridge_maxwait", "bridge_waitport":
		if !importer.Zero(o.value) {
			b.plan.Note(b.place(o), o.word, "", "nothing waits: a port forwards at once")
		}
	case "bridge_hello", "bridge_maxage", "bridge_bridgeprio", "bridge_portprio", "bridge_pathcost", "bridge_gcint":
		b.plan.Note(b.place(o), o.word, "", "it tunes spanning tree, which ubridge does not speak")
	case "bridge_vlan_aware":
		if importer.True(o.value) {
			b.plan.Note(b.place(o), o.word, "make a VLAN device of the NIC, and a network on it, for each VLAN", "VLANs of ports are not carried over")
		}
	default:
		b.plan.Note(b.place(o), o.word, "", "ubridge has nothing like it")
	}
}

// hardware is bridge_hw: a MAC, or the device whose MAC it is.
func (b *bridge) hardware(n *config.Network, o *option) {
	m, ok := importer.MAC(o.value)
	switch {
	case n.Mode == config.ModeBridge:
		b.plan.Note(b.place(o), o.word, "write hwaddress into the stanza of "+n.Uplink+" if the LAN must see this address",
			"the host keeps the MAC of %s", n.Uplink)
	case ok:
		n.MAC = m
	default:
		b.plan.Note(b.place(o), o.word, `set mac = "52:54:00:…"`, "the MAC of %s is not looked up", o.value)
	}
}

// carryAddress takes the host's address on a bridge without a NIC.
func (b *bridge) carryAddress(n *config.Network, o *option) {
	switch o.key {
	case "address":
		b.address(n, o)
	case "netmask", "network", "broadcast": // with the address
	case "hwaddress", "hwaddr":
		if m, ok := importer.MAC(strings.TrimPrefix(o.value, "ether ")); ok {
			n.MAC = m
			return
		}
		b.unread(o)
	case "gateway":
		b.plan.Note(b.place(o), o.word, "give the host its default route on the interface that leads there",
			"%s is the gateway of its guests, not the host's way out", n.Bridge)
	case "dns_nameservers", "dns_nameserver", "dns_search", "dns_domain":
		b.plan.Note(b.place(o), o.word, "keep it where the host's resolvers are set; guests are forwarded to those", "it is for the host's own resolver")
	default:
		b.plan.Note(b.place(o), o.word, "", "ubridge has nothing like it")
	}
}

func (b *bridge) address(n *config.Network, o *option) {
	s := b.stanzaOf(o)
	p, guessed, err := importer.Prefix(o.value, s.value("netmask"))
	switch {
	case err != nil:
		b.plan.Note(b.place(o), o.word, `write it as "192.0.2.1/24"`, "%v", err)
	case s.family == "inet6" || !p.Addr().Is4():
		b.plan.Note(b.place(o), o.word, "", "%s: networks of ubridge have IPv4 only so far", o.value)
	case n.Pinned():
		b.plan.Note(b.place(o), o.word, "make a network of its own for that subnet", "%s is a second address; a network has one", o.value)
	default:
		n.Address = p
		b.judge(o, p, guessed)
	}
}

func (b *bridge) judge(o *option, p netip.Prefix, guessed bool) {
	if guessed {
		b.plan.Note(b.place(o), o.word, "correct address if it is another", "%s has no netmask; /24 was taken", p.Addr())
	}
}

// stanzaOf is the stanza that holds an option.
func (b *bridge) stanzaOf(o *option) *stanza {
	for _, s := range b.stanzas {
		if slices.Contains(s.options, *o) {
			return s
		}
	}
	return b.stanzas[0]
}

// value is that of the first option of the name; empty if there is none.
func (s *stanza) value(key string) string {
	for _, o := range s.options {
		if o.key == key {
			return o.value
		}
	}
	return ""
}

func (b *bridge) number(o *option, set func(int)) {
	var v int
	if _, err := fmt.Sscanf(o.value, "%d", &v); err != nil {
		b.unread(o)
		return
	}
	set(v)
}

func (b *bridge) unread(o *option) {
	b.plan.Note(b.place(o), o.word, "set it in the definition by hand", "%q is not understood", o.value)
}
