package netplan

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"ubridge/internal/config"
	"ubridge/internal/importer"
)

// carry takes one key of a bridge into the definition, or notes it.
func (r *reader) carry(n *config.Network, key string, v *tree) {
	at := v.at(n.Name)
	switch {
	case v.null || key == "interfaces":
	case key == "parameters":
		for _, name := range v.keys {
			r.parameter(n, name, v.kids[name])
		}
	case key == "mtu":
		mtu, err := strconv.Atoi(v.text())
		if err != nil {
			r.unread(at, key, v)
		}
		n.MTU = mtu
	case key == "macaddress":
		r.mac(n, v)
	case n.Mode == config.ModeBridge: // the NIC's YAML has it
	default:
		r.carryHost(n, key, v)
	}
}

func (r *reader) mac(n *config.Network, v *tree) {
	at := v.at(n.Name)
	m, ok := importer.MAC(v.text())
	switch {
	case n.Mode == config.ModeBridge:
		r.plan.Note(at, "macaddress", "set macaddress of "+n.Uplink+" if the LAN must see this address", "the host keeps the MAC of %s", n.Uplink)
	case !ok:
		r.unread(at, "macaddress", v)
	default:
		n.MAC = m
	}
}

// parameter takes one of a bridge's parameters.
func (r *reader) parameter(n *config.Network, name string, v *tree) {
	at, key := v.at(n.Name), "parameters."+name
	switch name {
	case "ageing-time", "aging-time":
		if d, ok := importer.Seconds(v.text()); ok && d > 0 {
			n.Ageing = d
			return
		}
		r.unread(at, key, v)
	case "stp":
		if importer.True(v.text()) {
			r.plan.Note(at, key, "cable without loops, or keep spanning tree in the LAN's switches", "ubridge speaks no spanning tree")
		}
	case "forward-delay":
		if !importer.Zero(v.text()) {
			r.plan.Note(at, key, "", "nothing waits: a port forwards at once")
		}
	case "hello-time", "max-age", "path-cost", "port-priority", "priority":
		r.plan.Note(at, key, "", "it tunes spanning tree, which ubridge does not speak")
	default:
		r.plan.Note(at, key, "", "ubridge has nothing like it")
	}
}

// carryHost takes what a bridge without a NIC says of the host's address.
func (r *reader) carryHost(n *config.Network, key string, v *tree) {
	at := v.at(n.Name)
	switch key {
	case "addresses":
		for _, address := range v.names() {
			r.address(n, at, address)
		}
	case "dhcp4", "dhcp6":
		if importer.True(v.text()) {
			r.plan.Note(at, key, "give the network an address", "nobody answers on a bridge without a NIC; ubridge has the gateway's address itself")
		}
	case "gateway4", "gateway6", "routes":
		r.plan.Note(at, key, "give the host its routes on the interface that leads there", "%s is the gateway of its guests, not the host's way out", n.Bridge)
	case "nameservers":
		r.plan.Note(at, key, "keep them where the host's resolvers are set; guests are forwarded to those", "they are for the host's own resolver")
	case "renderer", "optional", "accept-ra", "link-local", "critical", "ignore-carrier", "optional-addresses":
		// of how the host brings the device up
	default:
		r.plan.Note(at, key, "", "ubridge has nothing like it")
	}
}

func (r *reader) address(n *config.Network, at importer.At, address string) {
	p, _, err := importer.Prefix(address, "")
	switch {
	case err != nil || !strings.Contains(address, "/"):
		r.plan.Note(at, "addresses", `write it as "192.0.2.1/24"`, "%q is no address with a prefix length", address)
	case !p.Addr().Is4():
		r.plan.Note(at, "addresses", "", "%s: networks of ubridge have IPv4 only so far", address)
	case n.Pinned():
		r.plan.Note(at, "addresses", "make a network of its own for that subnet", "%s is a second address; a network has one", address)
	default:
		n.Address = p
	}
}

func (r *reader) unread(at importer.At, key string, v *tree) {
	r.plan.Note(at, key, "set it in the definition by hand", "%q is not understood", v.text())
}

// edit is the YAML of the NIC as it should be: its own, and the bridge's
// addresses.
func (r *reader) edit(id string, def *tree, port string) string {
	section := "ethernets"
	nic := &tree{kind: yaml.MappingNode, kids: map[string]*tree{}}
	for _, s := range sections {
		if own := r.network.get(s, port); own != nil && own.kind == yaml.MappingNode {
			section = s
			for _, key := range own.keys {
				nic.put(key, own.kids[key])
			}
		}
	}
	for _, key := range def.keys {
		switch key {
		case "interfaces", "parameters", "macaddress":
		default:
			nic.put(key, def.kids[key])
		}
	}
	text, err := yaml.Marshal(wrap(nic, port, section, "network").node())
	if err != nil {
		return fmt.Sprintf("give %s the addresses of %s\n", port, id)
	}
	return fmt.Sprintf("the host's addresses go from %s to %s: take bridges: %s: out of %s, and write in place of %s: %s:\n\n%s",
		id, port, id, def.file, section, port, indented(string(text)))
}

// wrap puts mappings of one key around a tree, the first innermost.
func wrap(t *tree, keys ...string) *tree {
	for _, key := range keys {
		t = &tree{kind: yaml.MappingNode, keys: []string{key}, kids: map[string]*tree{key: t}}
	}
	return t
}

func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + line)
	}
	return b.String()
}
