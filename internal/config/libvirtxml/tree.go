package libvirtxml

import "strings"

// Element is one element of a document.
type Element struct {
	Space    string // namespace; empty for libvirt's own elements
	Name     string // without a prefix
	Attrs    []Attr
	Children []*Element
	Text     string // what stands in it, white space included
	Line     int    // from 1; 0 for one that was put together in code

	raw    string // the source, for what is kept to the letter: a child of <metadata>
	prefix string // as written
	spec   *spec  // its row of the table; nil before check
	kept   bool   // with all that is in it
}

// Attr is one attribute of an element.
type Attr struct {
	Name  string // as written, with its prefix
	Value string

	kept bool
}

// New makes an element with attributes given as name and value in turn.
// Attributes without a value are left out.
func New(name string, attrs ...string) *Element {
	e := &Element{Name: name}
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] != "" {
			e.Attrs = append(e.Attrs, Attr{Name: attrs[i], Value: attrs[i+1]})
		}
	}
	return e
}

// NewText makes an element that holds a text.
func NewText(name, text string) *Element { return &Element{Name: name, Text: text} }

// Set adds an attribute, be it empty, and gives e back.
func (e *Element) Set(name, value string) *Element {
	e.Attrs = append(e.Attrs, Attr{Name: name, Value: value})
	return e
}

// Add appends children and gives e back; nil ones are left out.
func (e *Element) Add(children ...*Element) *Element {
	for _, c := range children {
		if c != nil {
			e.Children = append(e.Children, c)
		}
	}
	return e
}

// Get is the value of an attribute; empty where e, or the attribute, is not there.
func (e *Element) Get(name string) string {
	if a := e.attr(name); a != nil {
		return a.Value
	}
	return ""
}

// Has reports whether the attribute is there.
func (e *Element) Has(name string) bool { return e.attr(name) != nil }

func (e *Element) attr(name string) *Attr {
	if e == nil {
		return nil
	}
	for i := range e.Attrs {
		if e.Attrs[i].Name == name {
			return &e.Attrs[i]
		}
	}
	return nil
}

// Child is the first child of that name, nil for none or where e is nil.
func (e *Element) Child(name string) *Element {
	if all := e.All(name); len(all) > 0 {
		return all[0]
	}
	return nil
}

// All are the children of that name.
func (e *Element) All(name string) (list []*Element) {
	if e == nil {
		return nil
	}
	for _, c := range e.Children {
		if c.Name == name && c.Space == "" {
			list = append(list, c)
		}
	}
	return list
}

// Keep marks the element as one that is kept but not in force, with all that is
// in it, where that depends on more than the table sees.
func (e *Element) Keep() { e.kept = true }

// KeepAttr is Keep for one attribute.
func (e *Element) KeepAttr(name string) {
	if a := e.attr(name); a != nil {
		a.kept = true
	}
}

// Own takes ubridge's own element out of <metadata>; nil if there is none.
func (e *Element) Own() *Element {
	meta := e.Child("metadata")
	if meta == nil {
		return nil
	}
	for i, c := range meta.Children {
		if c.Space == OwnSpace {
			meta.Children = append(meta.Children[:i:i], meta.Children[i+1:]...)
			return c
		}
	}
	return nil
}

// NewOwn makes ubridge's own element of <metadata> around a text.
func NewOwn(text string) *Element {
	return &Element{
		Space: OwnSpace, prefix: "ubridge", Name: "definition", Text: text,
		Attrs: []Attr{{Name: "xmlns:ubridge", Value: OwnSpace}},
	}
}

// blank reports whether a text is white space alone.
func blank(s string) bool { return strings.TrimSpace(s) == "" }
