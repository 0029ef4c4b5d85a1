package daemon

import (
	"context"
	"net"

	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/config/libvirtxml"
)

// DumpXML implements api.Backend.
func (b backend) DumpXML(_ context.Context, name string, inactive bool) (string, error) {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	n, def, err := b.d.nets[name], config.Network{}, error(nil)
	switch stored, defined := b.d.defs[name]; {
	case n != nil && (!inactive || !defined):
		def = n.live()
	case defined:
		def = stored.Network
	default:
		_, err = b.d.definition(name)
		return "", err
	}
	if def.UUID, err = b.d.uuid(def); err != nil {
		return "", err
	}
	doc, err := def.MarshalLibvirt()
	return string(doc), err
}

// live is the definition with what was chosen when the network started. Whether it
// starts with the daemon is no part of what runs.
func (n *network) live() config.Network {
	def := n.def
	def.Autostart = false
	if def.Mode == config.ModeBridge {
		return def
	}
	def.Bridge, def.MAC, def.Address = n.device, net.HardwareAddr(n.mac[:]), n.addr
	if def.DHCP.Enabled && len(def.DHCP.Ranges) == 0 {
		def.DHCP.Ranges = def.Pool(n.addr)
	}
	return def
}

// uuid is what libvirt's form calls a network: as its definition says, else one that
// is made once and kept.
func (d *Daemon) uuid(def config.Network) (string, error) {
	if def.UUID != "" {
		return def.UUID, nil
	}
	st := d.state.network(def.Name)
	if st.UUID == "" {
		st.UUID = d.newUUID()
		if err := d.state.save(); err != nil {
			return "", err
		}
	}
	return st.UUID, nil
}

// named gives a definition its UUID: the one that the network has, or a new one. A
// network does not change it; libvirt refuses that too.
func (d *Daemon) named(n *config.Network) error {
	old, exists := d.defs[n.Name]
	if running := d.nets[n.Name]; !exists && running != nil {
		old, exists = definition{Network: running.def}, true
	}
	if !exists {
		if n.UUID == "" {
			n.UUID = d.newUUID()
		}
		return nil
	}
	has, err := d.uuid(old.Network)
	if err != nil {
		return err
	}
	if n.UUID != "" && n.UUID != has {
		return api.Errorf(api.Conflict, "network %s exists already with uuid %s: leave the uuid out to change its definition, or undefine it first", n.Name, has)
	}
	n.UUID = has
	return nil
}

// newUUID is a random one (RFC 9562 §5.4).
func (d *Daemon) newUUID() string {
	var b [16]byte
	d.random(b[:])
	return libvirtxml.RandomUUID(b)
}
