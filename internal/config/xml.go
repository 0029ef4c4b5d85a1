package config

import (
	"errors"
	"slices"

	"ubridge/internal/config/libvirtxml"
)

// ParseLibvirt reads a definition in libvirt's <network> form (docs/formatnetwork.rst).
// file names it in messages. What is kept without being in force is told in notes;
// what libvirt refuses is refused, and so is what ubridge cannot do and must not
// leave out. Autostart is off unless ubridge's element in <metadata> sets it.
func ParseLibvirt(file string, doc []byte) (Network, []libvirtxml.Note, error) {
	n, notes, err := parseLibvirt(file, doc)
	if err != nil {
		return Network{}, nil, err
	}
	f := &faults{file: file, lines: n.Origin.lines, spelled: n.Origin.spelled}
	f.checkKept(&n)
	return n, notes, f.err()
}

func parseLibvirt(file string, doc []byte) (Network, []libvirtxml.Note, error) {
	root, wrong := libvirtxml.Parse(doc)
	if len(wrong) > 0 {
		return Network{}, nil, inFile(file, wrong)
	}
	x := &xmlReader{faults: faults{file: file, lines: lines{}, spelled: spelling{}}}
	own := root.Own()
	x.fill(root)
	x.extra(own)
	x.rules(root)
	if err := x.err(); err != nil {
		return Network{}, nil, err
	}
	n := x.convert(root)
	if err := x.err(); err != nil {
		return Network{}, nil, err
	}
	return n, append(root.Notes(), n.strayNames()...), nil
}

// convert makes the network of what was read, and checks it.
func (x *xmlReader) convert(root *libvirtxml.Element) Network {
	said := x.raw
	overlay(&x.raw, &x.more)
	n := DefaultIn(x.name, x.raw.mode())
	n.Origin = Origin{lines: x.lines, spelled: x.spelled}
	x.network(&x.raw, &n)
	n.Kept = root.Fragments()
	if x.err() != nil {
		return n
	}
	x.checkModel(&n)
	if x.err() == nil {
		x.agree(said, n)
	}
	return n
}

// network converts keys without faults onto the defaults of their mode.
func (raw *rawNetwork) network(name string) Network {
	n := DefaultIn(name, raw.mode())
	(&faults{}).network(raw, &n)
	return n
}

// agree wants what the elements said to be in the whole definition too: what the
// metadata changes would be changed in vain by who edits the element.
func (x *xmlReader) agree(said rawNetwork, n Network) {
	again := &xmlReader{}
	again.fill(n.tree())
	_, given := difference(said, rawNetwork{})
	_, keys := difference(said.network(n.Name).raw(), again.raw.network(n.Name).raw())
	for _, key := range keys {
		if slices.Contains(given, key) {
			x.add(key, "say it in one place", "the elements say one thing, and ubridge's element in <metadata> another")
		}
	}
}

// inFile gives the faults of a document the form of all faults.
func inFile(file string, wrong []*libvirtxml.Fault) error {
	list := make([]error, len(wrong))
	for i, w := range wrong {
		list[i] = &Error{File: file, Line: w.Line, Key: w.Element, Reason: w.Reason, Fix: w.Fix}
	}
	return joined(list)
}

// MarshalLibvirt writes the definition in libvirt's form. What its elements have no
// place for is in ubridge's element in <metadata>, so that ParseLibvirt reads the
// document back as a Network that is Equal. The error names what of Kept does
// not go with the rest; a Network that was checked has none.
func (n Network) MarshalLibvirt() ([]byte, error) {
	root := n.tree()
	read := &xmlReader{}
	read.fill(root)
	more, keys := difference(n.raw(), read.raw.network(n.Name).raw())
	more.Libvirt = rawLibvirt{} // merged below
	if len(keys) > 0 && !(len(keys) == 1 && keys[0] == "libvirt.kept") || n.needsOwn() {
		root.Add(libvirtxml.New("metadata").Add(libvirtxml.NewOwn(more.text())))
	}
	if err := root.Merge(n.Kept); err != nil {
		return nil, err
	}
	return root.Write(), nil
}

// needsOwn reports whether the document has an element of ubridge's though there is
// nothing to say in it: it tells that the subnet is left to the daemon.
func (n Network) needsOwn() bool { return !n.Pinned() && n.Mode != ModeBridge }

// NotInForce tells what the definition keeps of libvirt's form without acting on it.
func (n Network) NotInForce() []string {
	var list []string
	for _, note := range append(libvirtxml.NotesOf(n.Kept), n.strayNames()...) {
		list = append(list, note.String())
	}
	return list
}

// strayNames are the names of reservations that have a domain of their own.
func (n Network) strayNames() (list []libvirtxml.Note) {
	for i, h := range n.DHCP.Hosts {
		if h.strays(n.Domain) {
			list = append(list, libvirtxml.Note{
				Line: n.Origin.lines.of(element("dhcp.hosts", i)), Element: "ip/dhcp/host[name='" + h.Name + "']",
				Reason: "guests are named in the network's own domain: it is called " + h.Label(),
			})
		}
	}
	return list
}

// checkKept holds what is kept against the rest, by writing the whole and reading
// it back, and gives it the form in which it will be read.
func (f *faults) checkKept(n *Network) {
	if len(n.Kept) == 0 || len(f.list) > 0 || f.tooLong("libvirt.kept", len(n.Kept)) {
		return
	}
	const fix = "leave it as ubridge wrote it, or remove it"
	doc, err := n.MarshalLibvirt()
	if at, ok := errors.AsType[*libvirtxml.FragmentError](err); ok {
		f.add(element("libvirt.kept", at.Index), fix, "%v", at.Err)
		return
	}
	back, _, err := parseLibvirt(n.Name+".xml", doc)
	if err != nil {
		f.add("libvirt.kept", fix, "it does not go with the rest: %v", err)
		return
	}
	n.Kept = back.Kept
	if !n.Equal(back) {
		f.add("libvirt.kept", fix, "it says something about what has a key of its own")
	}
}
