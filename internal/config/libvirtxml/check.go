package libvirtxml

import (
	"fmt"
	"strings"
)

// maxFaults is how many faults of a document are told.
const maxFaults = 20

// checker holds a tree against the table.
type checker struct{ faults []*Fault }

func check(root *Element) []*Fault {
	c := &checker{}
	c.element(root, network, "")
	return c.faults
}

func (c *checker) add(line int, element, fix, format string, args ...any) {
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, &Fault{Line: line, Element: element, Reason: fmt.Sprintf(format, args...), Fix: fix})
	}
}

// element checks e, whose place in the document is path, and marks what is kept.
func (c *checker) element(e *Element, s *spec, path string) {
	e.spec, e.kept = s, s.treat == Kept && !s.foreign
	if s.treat == Refused {
		c.add(e.Line, path, s.fix, "%s", s.is)
		return
	}
	c.attributes(e, path)
	c.text(e, path)
	if s.foreign {
		return
	}
	seen := map[*spec]int{}
	for _, child := range e.Children {
		below := s.child(child.Space, child.Name)
		switch {
		case below == nil:
			c.add(child.Line, join(path, child.tag()), known("elements", s.childNames()), "unknown element")
		case seen[below] > 0 && !below.many:
			c.add(child.Line, join(path, child.tag()), "leave one out", "the element is given twice")
		case seen[below] == below.most():
			c.add(child.Line, join(path, child.tag()), "use fewer", "more than %d of them", below.most())
			return
		default:
			seen[below]++
			c.element(child, below, join(path, child.tag()))
		}
	}
}

func (c *checker) attributes(e *Element, path string) {
	for i := range e.Attrs {
		a := &e.Attrs[i]
		if _, is := declared(a.Name); is {
			continue
		}
		s := e.spec.attr(a.Name)
		if s == nil {
			c.add(e.Line, path+"@"+a.Name, known("attributes", e.spec.attrNames()), "unknown attribute")
			continue
		}
		a.kept = s.treat == Kept
		if s.form == nil {
			continue
		}
		if reason, fix := s.form(a.Value); reason != "" {
			c.add(e.Line, path+"@"+a.Name, fix, "%s", reason)
		}
	}
	for _, s := range e.spec.attrs {
		if s.needed && !e.Has(s.name) {
			c.add(e.Line, path, fmt.Sprintf("add %s='…'", s.name), "the attribute %s is missing", s.name)
		}
	}
}

func (c *checker) text(e *Element, path string) {
	switch {
	case e.spec.text != nil:
		if reason, fix := e.spec.text(e.Text); reason != "" {
			c.add(e.Line, path, fix, "%s", reason)
		}
	case !blank(e.Text):
		c.add(e.Line, path, "remove it", "the text %q where none belongs", strings.TrimSpace(e.Text))
	}
}

// known tells what could stand in the place of what is unknown.
func known(what string, names []string) string {
	if len(names) == 0 {
		return "remove it: there are no " + what + " here"
	}
	return "the " + what + " here are " + strings.Join(names, ", ")
}

func (s *spec) childNames() (names []string) {
	for _, c := range s.children {
		names = append(names, c.tag())
	}
	return names
}

func (s *spec) attrNames() (names []string) {
	for _, a := range s.attrs {
		names = append(names, a.name)
	}
	return names
}

func (s *spec) tag() string {
	if s.space == DnsmasqSpace {
		return "dnsmasq:" + s.name
	}
	return s.name
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}
