package libvirtxml

import "slices"

// Treat is what becomes of an element or an attribute.
type Treat int

// The ways to treat what a document says. Nothing is left out silently: what is
// neither honoured nor refused is kept and given back.
const (
	Honoured Treat = iota // it is in the model, and in force
	Kept                  // given back; not in force where there is something to be in force
	Status                // a count that libvirt prints of what runs; libvirt, too, reads over it
	Refused               // the document is refused
)

// String is the word that the documentation has for it.
func (t Treat) String() string {
	return [...]string{"honoured", "kept, not in force", "read over", "refused"}[t]
}

// spec is a row of the table: an element, with what may be in it.
type spec struct {
	name     string
	space    string // namespace; libvirt's own elements have none
	many     bool   // there may be several
	text     form   // not nil: it holds a text
	foreign  bool   // it holds elements of anybody's
	attrs    []attrSpec
	children []*spec

	treat Treat // of the element with all that is in it
	words       // what becomes of it
}

// attrSpec is a row of the table for an attribute.
type attrSpec struct {
	name   string
	form   form // nil: any text, or one that the model checks
	needed bool
	treat  Treat
	words
}

// maxMany bounds how many there may be of what is compared with one another.
const maxMany = 1024

// most is how many there may be. Hosts are bounded by the size of a document.
func (s *spec) most() int {
	if s.name == "host" {
		return MaxSize
	}
	return maxMany
}

// words say what becomes of a thing, in a message and in the documentation.
type words struct {
	is   string              // honoured: the key of the native form; refused, kept: the reason
	fix  string              // refused: what to do
	note func(string) string // kept: the reason for a value; nil: is; empty result: in force all the same
}

// reason is why a value is not in force; empty where there is nothing to say.
func (w words) reason(value string) string {
	if w.note != nil {
		return w.note(value)
	}
	return w.is
}

// unless gives no reason for a value that asks for what is so anyway.
func unless(value, reason string) func(string) string {
	return func(v string) string {
		if v == value {
			return ""
		}
		return reason
	}
}

func always(reason string) func(string) string { return func(string) string { return reason } }

// plain is for what is given back and has no effect anywhere, in libvirt neither.
func plain(string) string { return "" }

func (s *spec) child(space, name string) *spec {
	i := slices.IndexFunc(s.children, func(c *spec) bool { return c.name == name && c.space == space })
	if i < 0 {
		return nil
	}
	return s.children[i]
}

func (s *spec) attr(name string) *attrSpec {
	i := slices.IndexFunc(s.attrs, func(a attrSpec) bool { return a.name == name })
	if i < 0 {
		return nil
	}
	return &s.attrs[i]
}

// order is where a child stands among the others.
func (s *spec) order(e *Element) int {
	return slices.IndexFunc(s.children, func(c *spec) bool { return c.name == e.Name && c.space == e.Space })
}
