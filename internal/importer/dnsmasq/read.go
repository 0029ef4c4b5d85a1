package dnsmasq

import (
	"net/netip"

	"ubridge/internal/importer"
)

// Where Debian and Red Hat have dnsmasq read and write.
const (
	DefaultFile = "/etc/dnsmasq.conf"
	debianDir   = "/etc/dnsmasq.d" // given on Debian's command line, not in the file
)

var debianSuffixes = ",.dpkg-dist,.dpkg-old,.dpkg-new"

var leaseFiles = []string{"/var/lib/misc/dnsmasq.leases", "/var/lib/dnsmasq/dnsmasq.leases"}

// reader makes networks of settings.
type reader struct {
	*parser
	plan    *importer.Plan
	bridges []importer.Network
	nets    []*served
}

// served is a network in the making: a subnet that dnsmasq leases from.
type served struct {
	importer.Network
	at     importer.At // of its first dhcp-range
	device string
	known  *importer.Network // the bridge, as another importer has it; nil: not known
}

// Read reads file, with /etc/dnsmasq.d if it is DefaultFile. bridges are what
// other importers found on the host. What is no network of ubridge's is in the
// plan's notes; the error is for files that cannot be read.
func Read(files *importer.Files, file string, bridges []importer.Network) (importer.Plan, error) {
	var plan importer.Plan
	p := &parser{files: files}
	if file != DefaultFile || files.Exists(file) || !files.Exists(debianDir) {
		if err := p.file(file); err != nil {
			return plan, err
		}
	}
	if file == DefaultFile && !p.includes(debianDir) {
		if err := p.dir(debianDir + debianSuffixes); err != nil {
			return plan, err
		}
	}
	r := &reader{parser: p, plan: &plan, bridges: bridges}
	r.ranges()
	if len(r.nets) == 0 {
		plan.Note(importer.At{File: file}, "dhcp-range", "", "dnsmasq leases no IPv4 addresses here, so there is no network of guests to be made")
		return plan, nil
	}
	for i := range p.settings {
		r.carry(&p.settings[i])
	}
	if len(p.list("no-hosts")) == 0 {
		plan.Note(importer.At{Network: r.only(), File: "/etc/hosts"}, "", "list what guests need in dns.hosts", "dnsmasq answers the host's own names too; ubridge keeps them from guests")
	}
	r.leases()
	for _, n := range r.nets {
		r.finish(n)
	}
	return plan, nil
}

// includes reports whether files of a folder were read already.
func (p *parser) includes(dir string) bool {
	for i := range p.settings {
		if len(p.settings[i].file) > len(dir) && p.settings[i].file[:len(dir)+1] == dir+"/" {
			return true
		}
	}
	return false
}

// of is the network whose subnet holds an address; nil for none.
func (r *reader) of(a netip.Addr) *served {
	for _, n := range r.nets {
		if n.Address.Contains(a) {
			return n
		}
	}
	return nil
}

// only is the network where there is one alone.
func (r *reader) only() string {
	if len(r.nets) == 1 {
		return r.nets[0].Name
	}
	return ""
}

// note adds a note on a setting.
func (r *reader) note(s *setting, fix, format string, args ...any) {
	r.plan.Note(s.at(r.only()), s.key, fix, format, args...)
}

// finish puts the network into the plan.
func (r *reader) finish(n *served) {
	if n.DNS.LocalOnly && n.Domain == "" {
		n.DNS.LocalOnly = false
	}
	n.DHCP.ReservedOnly = len(n.DHCP.Ranges) == 0
	n.Edit = "stop dnsmasq from serving this network, or all of it: systemctl disable --now dnsmasq\n"
	if n.known != nil {
		n.Edit += n.known.Edit
	}
	r.plan.Add(n.at, n.Network)
}
