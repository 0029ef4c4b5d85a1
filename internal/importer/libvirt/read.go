package libvirt

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strings"

	"ubridge/internal/config"
	"ubridge/internal/importer"
)

// Where libvirt's system instance keeps its networks (bridge_driver_conf.c).
const (
	definedDir   = "/etc/libvirt/qemu/networks"
	autostartDir = definedDir + "/autostart"
	activeDir    = "/run/libvirt/network"
	leasesDir    = "/var/lib/libvirt/dnsmasq"
)

// Found is one network of libvirt's.
type Found struct {
	importer.Network
	Active     bool
	Persistent bool
	Guests     []Guest  // the interfaces of domains on it
	Taps       []string // devices in its bridge now
}

// Names are all networks of libvirt's, by name.
func Names(files *importer.Files) (list []string) {
	for _, dir := range []string{definedDir, activeDir} {
		for _, file := range files.List(dir) {
			name, isXML := strings.CutSuffix(path.Base(file), ".xml")
			if isXML && !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	slices.Sort(list)
	return list
}

// Read reads the named networks. A network that cannot be one of ubridge's is in
// the plan's notes; the error is for files that cannot be read.
func Read(files *importer.Files, names ...string) (importer.Plan, []Found, error) {
	var plan importer.Plan
	var all []Found
	guests, err := readGuests(files, &plan)
	if err != nil {
		return plan, nil, err
	}
	for _, name := range names {
		r := reader{files: files, plan: &plan, at: importer.At{Network: name}}
		f, err := r.network(name)
		if err != nil {
			return plan, nil, err
		}
		if f == nil {
			continue
		}
		f.Guests = of(guests, name, f.Bridge)
		f.Edit = Edit(f)
		before := len(plan.Networks)
		plan.Add(r.at, f.Network)
		if len(plan.Networks) > before {
			f.Network = plan.Networks[before]
			all = append(all, *f)
		}
	}
	return plan, all, nil
}

// reader reads one network.
type reader struct {
	files *importer.Files
	plan  *importer.Plan
	at    importer.At
}

// network is nil for one that ubridge cannot have, which is noted.
func (r *reader) network(name string) (*Found, error) {
	if err := config.CheckName(name); err != nil {
		return nil, fmt.Errorf("network of libvirt %q: %w", name, err)
	}
	defined, live := path.Join(definedDir, name+".xml"), path.Join(activeDir, name+".xml")
	f := &Found{Active: r.files.Exists(live), Persistent: true}
	r.at.File = defined
	text, err := r.files.Read(defined)
	if errors.Is(err, fs.ErrNotExist) && f.Active {
		f.Persistent, r.at.File = false, live
		if text, err = r.files.Read(live); err == nil {
			text, err = inner(live, text, "network")
		}
	}
	if err != nil {
		return nil, err
	}
	if err := r.definition(f, name, text); err != nil {
		r.fault(err)
		return nil, nil
	}
	f.Autostart = slices.Contains(r.files.Names(autostartDir), name+".xml")
	if f.Bridge != "" && f.DHCP.Enabled {
		f.Leases = r.leases(path.Join(leasesDir, f.Bridge+".status"), f.Address)
	}
	if f.Bridge != "" {
		f.Taps = r.taps(f.Bridge)
	}
	return f, nil
}

// definition reads the XML; what it keeps without being in force is noted.
func (r *reader) definition(f *Found, name string, text []byte) error {
	n, kept, err := config.ParseLibvirt(r.at.File, text)
	if err != nil {
		return err
	}
	if n.Name != name {
		return fmt.Errorf("%s: it defines network %s", r.at.File, n.Name)
	}
	f.Network.Network = n
	for _, k := range kept {
		r.plan.Note(importer.At{Network: name, File: r.at.File, Line: k.Line}, k.Element, "", "%s; kept, and not in force", k.Reason)
	}
	return nil
}

// fault notes why a definition is none for ubridge.
func (r *reader) fault(err error) {
	list := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		list = several.Unwrap()
	}
	for _, e := range list {
		var told *config.Error
		if errors.As(e, &told) {
			r.plan.Note(importer.At{Network: r.at.Network, File: r.at.File, Line: told.Line}, told.Key, told.Fix, "%s", told.Reason)
			continue
		}
		r.plan.Note(r.at, "", "", "%v", e)
	}
}

// taps are the devices in a kernel bridge, its own dummy left out (libvirt
// before 7.0 put one in).
func (r *reader) taps(bridge string) (list []string) {
	for _, name := range r.files.Names(path.Join("/sys/class/net", bridge, "brif")) {
		if name != bridge+"-nic" {
			list = append(list, name)
		}
	}
	return list
}

// within reports whether a lease's address is a guest's in the subnet.
func within(subnet netip.Prefix, a netip.Addr) bool {
	return subnet.IsValid() && subnet.Contains(a) && a != subnet.Addr()
}
