package libvirtxml

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fragments are the parts of a document that are kept without being in the model:
// one for each element below <network>, on one line, in the order of the
// document, and one for the attributes of <network> itself. An <ip> without an
// address is the network's own IPv4 one.
func (e *Element) Fragments() (list []string) {
	if attrs := e.keptAttrs(); len(attrs) > 0 {
		list = append(list, (&Element{Name: e.Name, Attrs: attrs}).compact())
	}
	for _, c := range e.Children {
		if part := c.keptPart(); part != nil {
			list = append(list, part.compact())
		}
	}
	return list
}

// keptPart is what of an element is kept, nil for nothing.
func (e *Element) keptPart() *Element {
	if e.kept {
		return e.whole()
	}
	part := &Element{Name: e.Name, Attrs: e.keptAttrs()}
	if e.spec.foreign {
		part.Children = e.Children
	}
	for _, c := range e.Children {
		if !e.spec.foreign {
			part.Add(c.keptPart())
		}
	}
	if len(part.Attrs) == 0 && len(part.Children) == 0 {
		return nil
	}
	return part
}

func (e *Element) keptAttrs() (list []Attr) {
	for _, a := range e.Attrs {
		if a.kept {
			list = append(list, a)
		}
	}
	return list
}

// whole is a copy with all but what is read over. One of another namespace
// declares it.
func (e *Element) whole() *Element {
	c := &Element{Space: e.Space, Name: e.Name}
	if e.spec.text != nil {
		c.Text = e.Text
	}
	if e.spec.space == DnsmasqSpace {
		c.prefix = "dnsmasq"
	}
	if e.spec == options {
		c.Attrs = []Attr{{Name: "xmlns:dnsmasq", Value: DnsmasqSpace}}
	}
	for _, a := range e.Attrs {
		if s := e.spec.attr(a.Name); s != nil && s.treat != Status {
			c.Attrs = append(c.Attrs, a)
		}
	}
	for _, child := range e.Children {
		c.Add(child.whole())
	}
	return c
}

// Merge puts fragments back in a document. The error names the fragment.
func (e *Element) Merge(fragments []string) error {
	e.spec = network
	for i, text := range fragments {
		part, fault := readTree([]byte(text))
		if fault != nil {
			return &FragmentError{i, fault}
		}
		if part.Name == "network" && part.Space == "" && len(part.Children) == 0 {
			e.Attrs = append(e.Attrs, part.Attrs...)
			continue
		}
		if err := e.take(part, network); err != nil {
			return &FragmentError{i, err}
		}
	}
	e.sort(network)
	return nil
}

// FragmentError is a fragment that cannot be put back.
type FragmentError struct {
	Index int // of the fragment
	Err   error
}

func (f *FragmentError) Error() string { return fmt.Sprintf("fragment %d: %v", f.Index, f.Err) }

// Unwrap gives the reason.
func (f *FragmentError) Unwrap() error { return f.Err }

// take puts part into e, into the element of its kind where there can be one only.
func (e *Element) take(part *Element, s *spec) error {
	below := s.child(part.Space, part.Name)
	if below == nil {
		return fmt.Errorf("unknown element <%s>", part.tag())
	}
	mine := e.find(part)
	if mine == nil || below.many && !own(part) {
		e.Add(part)
		return nil
	}
	for _, a := range part.Attrs {
		if mine.Has(a.Name) {
			return fmt.Errorf("<%s %s> is said elsewhere too", part.tag(), a.Name)
		}
		mine.Attrs = append(mine.Attrs, a)
	}
	if below.text != nil {
		return fmt.Errorf("<%s> is said elsewhere too", part.tag())
	}
	for _, c := range part.Children {
		if below.foreign {
			mine.Add(c)
		} else if err := mine.take(c, below); err != nil {
			return err
		}
	}
	return nil
}

func (e *Element) find(part *Element) *Element {
	for _, c := range e.Children {
		if c.Name == part.Name && c.Space == part.Space {
			return c
		}
	}
	return nil
}

// KeepsBridge reports whether fragments name a bridge of the kernel.
func KeepsBridge(fragments []string) bool {
	root := New("network")
	return root.Merge(fragments) == nil && root.Child("bridge").Has("name")
}

// own reports whether a fragment belongs to the network's own <ip>.
func own(part *Element) bool { return part.Name == "ip" && !part.Has("address") }

// sort brings children into the order of the table.
func (e *Element) sort(s *spec) {
	if s == nil || s.foreign {
		return
	}
	slices.SortStableFunc(e.Children, func(a, b *Element) int { return cmp.Compare(s.order(a), s.order(b)) })
	for _, c := range e.Children {
		c.sort(s.child(c.Space, c.Name))
	}
}

// Note is something of a document that is kept and not in force.
type Note struct {
	Line    int    // of the document; 0 for one of a definition
	Element string // such as bridge@stp='on'
	Reason  string
}

// String is "bridge@stp='on': REASON".
func (n Note) String() string { return n.Element + ": " + n.Reason }

// Notes tell what of a document that Parse gave is kept and not in force.
func (e *Element) Notes() []Note { return e.notes("", nil) }

// NotesOf tells the same of fragments.
func NotesOf(fragments []string) []Note {
	root := New("network")
	if root.Merge(fragments) != nil {
		return nil
	}
	(&checker{}).element(root, network, "")
	root.keepAll()
	return root.notes("", nil)
}

// keepAll marks everything in a tree of fragments that Keep and KeepAttr may have
// marked in the document.
func (root *Element) keepAll() {
	root.Child("bridge").KeepAttr("name")
	for _, e := range root.All("ip") {
		e.kept = !own(e)
	}
}

func (e *Element) notes(path string, list []Note) []Note {
	if e.kept {
		if why := e.why(); why != "" {
			list = append(list, Note{e.Line, join(path, e.label()), why})
		}
		return list
	}
	for _, a := range e.Attrs {
		if !a.kept {
			continue
		}
		if why := e.spec.attr(a.Name).reason(a.Value); why != "" {
			list = append(list, Note{e.Line, join(path, e.tag()) + "@" + strings.TrimSpace(attrText(a)), why})
		}
	}
	if e.spec.foreign {
		return list
	}
	if e.spec != network {
		path = join(path, e.tag())
	}
	for _, c := range e.Children {
		list = c.notes(path, list)
	}
	return list
}

// label names an element among others of its kind by its address or name.
func (e *Element) label() string {
	for _, name := range []string{"address", "name"} {
		if a := e.attr(name); a != nil && e.spec.many {
			return e.tag() + "[" + strings.TrimSpace(attrText(*a)) + "]"
		}
	}
	return e.tag()
}

// why is the reason that a whole element is not in force; empty where there is
// nothing to be in force.
func (e *Element) why() string {
	switch {
	case e.spec != ip:
		return e.spec.reason(e.Text)
	case strings.Contains(e.Get("address"), ":"):
		return "ubridge serves no IPv6"
	}
	return "a network has one IPv4 subnet, the first"
}
