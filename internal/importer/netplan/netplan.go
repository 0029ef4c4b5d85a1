package netplan

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"ubridge/internal/importer"
)

// Dirs are where netplan reads, the later before the earlier.
var Dirs = []string{"/lib/netplan", "/etc/netplan", "/run/netplan"}

// Read reads the given files in order, or those of Dirs without any. A bridge that
// cannot be made a network is in the plan's notes; the error is for files that
// cannot be read.
func Read(files *importer.Files, names ...string) (importer.Plan, error) {
	var plan importer.Plan
	if len(names) == 0 {
		names = installed(files)
	}
	if len(names) == 0 {
		return plan, fmt.Errorf("%s: no YAML files: %w", strings.Join(Dirs, ", "), fs.ErrNotExist)
	}
	var all *tree
	for _, name := range names {
		text, err := files.Read(name)
		if err != nil {
			return plan, err
		}
		doc, err := parse(name, text)
		if err != nil {
			return plan, err
		}
		all = merge(all, doc)
	}
	r := &reader{files: files, plan: &plan, network: all.get("network")}
	if list := r.network.get("bridges"); list != nil {
		for _, id := range list.keys {
			r.bridge(id, list.get(id))
		}
	}
	return plan, nil
}

// installed are the files that netplan reads, in its order.
func installed(files *importer.Files) (list []string) {
	byName := map[string]string{}
	for _, dir := range Dirs {
		for _, file := range files.List(dir) {
			if path.Ext(file) == ".yaml" {
				byName[path.Base(file)] = file
			}
		}
	}
	for _, base := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, byName[base])
	}
	return list
}

// reader makes networks of the merged document.
type reader struct {
	files   *importer.Files
	plan    *importer.Plan
	network *tree
}

// sections are where netplan keeps what may be in a bridge.
var sections = []string{"ethernets", "bonds", "vlans", "wifis", "dummy-devices", "virtual-ethernets", "tunnels"}

// device is the name that the interface of an id has on the host, and its
// section. An id that no section has is a device by itself.
func (r *reader) device(at importer.At, id string) (name, section string) {
	for _, section := range sections {
		def := r.network.get(section, id)
		switch {
		case def == nil:
			continue
		case def.get("set-name") != nil:
			return def.get("set-name").text(), section
		case def.get("match") == nil:
			return id, section
		}
		name := def.get("match", "name").text()
		if name == "" || strings.ContainsAny(name, "*?[") {
			r.plan.Note(at, "interfaces", "put the device's name in its place", "%s stands for whatever device it matches", id)
			return id, section
		}
		return name, section
	}
	return id, ""
}

// bridge makes the network of one bridge.
func (r *reader) bridge(id string, def *tree) {
	if def == nil || def.kind != yaml.MappingNode {
		return
	}
	at := def.at(id)
	if ovs := def.get("openvswitch"); ovs != nil {
		r.plan.Note(ovs.at(id), "openvswitch", "leave it to Open vSwitch", "%s is a bridge of Open vSwitch and not imported", id)
		return
	}
	ids := map[string]string{} // by device
	var ports []string
	for _, port := range def.get("interfaces").names() {
		name, _ := r.device(at, port)
		ids[name] = port
		ports = append(ports, name)
	}
	nic, rest := importer.SplitPorts(ports)
	var n importer.Network
	if nic != "" {
		n.Network = importer.OnLAN(at, nic, rest)
		n.Edit = r.edit(id, def, ids[nic])
	} else {
		n.Network = r.files.Inside(r.plan, at, id, "")
		n.Ports = rest
		n.Edit = fmt.Sprintf("take bridges: %s: out of %s, so that ubridge can make %s\n", id, def.file, id)
	}
	n.Autostart = true
	for _, p := range rest {
		r.plan.Note(at, "interfaces", "leave it out of ports if it should not be", "%s becomes an ordinary port of the network", p)
	}
	for _, key := range def.keys {
		r.carry(&n.Network, key, def.kids[key])
	}
	r.users(id, at)
	r.plan.Add(at, n)
}

// users notes what is built upon the bridge.
func (r *reader) users(id string, at importer.At) {
	for _, section := range sections {
		list := r.network.get(section)
		if list == nil {
			continue
		}
		for _, name := range list.keys {
			if link := list.get(name, "link"); link.text() == id {
				r.plan.Note(link.at(id), section+"."+name+".link", "give it another link", "%s is built upon %s, which will not be there", name, at.Network)
			}
		}
	}
}
