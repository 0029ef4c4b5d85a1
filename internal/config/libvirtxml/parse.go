package libvirtxml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Bounds of a document.
const (
	MaxSize  = 1 << 20 // bytes
	maxDepth = 64      // elements within one another
	maxAttrs = 256     // of one element
)

// Fault is one thing that is wrong with a document.
type Fault struct {
	Line    int    // from 1
	Element string // such as ip/dhcp/range@start; empty where the text is no XML
	Reason  string
	Fix     string // what to do; may be empty
}

func (f *Fault) Error() string {
	text := fmt.Sprintf("line %d: ", f.Line)
	if f.Element != "" {
		text += f.Element + ": "
	}
	text += f.Reason
	if f.Fix != "" {
		text += "; " + f.Fix
	}
	return text
}

// Parse reads a <network> document and holds it against the table. Faults are
// all that were found, in the order of the document; the tree is nil then.
func Parse(doc []byte) (*Element, []*Fault) {
	root, fault := readTree(doc)
	if fault != nil {
		return nil, []*Fault{fault}
	}
	if root.Name != "network" || root.Space != "" {
		return nil, []*Fault{{Line: root.Line, Element: root.Name, Reason: "this is no network definition", Fix: "the outermost element must be <network>"}}
	}
	if faults := check(root); len(faults) > 0 {
		return nil, faults
	}
	return root, nil
}

// reader builds the tree. It resolves namespaces itself, since what is kept has
// to be written with the prefixes that it came with.
type reader struct {
	doc    []byte
	d      *xml.Decoder
	root   *Element
	open   []*opened
	offset int // up to where lines are counted
	line   int
}

// opened is an element whose end has not been read.
type opened struct {
	*Element
	start  int               // offset in the document
	scope  map[string]string // prefix → namespace, that it declares
	prefix string
	text   []byte
}

// readTree reads a document that has one element at its top.
func readTree(doc []byte) (*Element, *Fault) {
	if len(doc) > MaxSize {
		return nil, &Fault{Line: 1, Reason: "larger than 1 MiB", Fix: "check that it is a network definition"}
	}
	doc = bytes.TrimPrefix(doc, []byte("\xef\xbb\xbf")) // a byte order mark
	r := &reader{doc: doc, d: xml.NewDecoder(bytes.NewReader(doc)), line: 1}
	for {
		start := int(r.d.InputOffset())
		token, err := r.d.RawToken()
		if errors.Is(err, io.EOF) {
			return r.end()
		}
		if err != nil {
			return nil, r.syntax(err)
		}
		if fault := r.token(token, start); fault != nil {
			return nil, fault
		}
	}
}

// end is reached after the last token.
func (r *reader) end() (*Element, *Fault) {
	switch {
	case len(r.open) > 0:
		top := r.open[len(r.open)-1]
		return nil, &Fault{Line: top.Line, Element: top.Name, Reason: "the element is not ended", Fix: "add </" + top.Name + ">"}
	case r.root == nil:
		return nil, &Fault{Line: 1, Reason: "there is no element", Fix: "begin with <network>"}
	}
	return r.root, nil
}

// syntax is what the decoder says, in the form of the others.
func (r *reader) syntax(err error) *Fault {
	line, _ := r.d.InputPos()
	if e, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return &Fault{Line: e.Line, Reason: "not well-formed XML: " + e.Msg, Fix: "correct it; `xmllint --noout FILE` shows the place"}
	}
	if strings.Contains(err.Error(), "encoding") {
		return &Fault{Line: line, Reason: "the text is not in UTF-8", Fix: "save it as UTF-8, and say so or nothing in <?xml … encoding=?>"}
	}
	return &Fault{Line: line, Reason: "not well-formed XML: " + err.Error(), Fix: "correct it"}
}

func (r *reader) token(token xml.Token, start int) *Fault {
	switch t := token.(type) {
	case xml.StartElement:
		return r.begin(t, start)
	case xml.EndElement:
		return r.finish(t, start)
	case xml.CharData:
		if len(r.open) > 0 {
			top := r.open[len(r.open)-1]
			top.text = append(top.text, t...)
		} else if !blank(string(t)) {
			start += bytes.IndexFunc(t, func(c rune) bool { return !unicode.IsSpace(c) })
			return &Fault{Line: r.lineOf(start), Reason: "text outside of the elements", Fix: "remove it"}
		}
	case xml.Directive:
		return &Fault{Line: r.lineOf(start), Reason: "a document type declaration, and with it entities of one's own, is not taken", Fix: "remove <!…>"}
	}
	return nil
}

func (r *reader) begin(t xml.StartElement, start int) *Fault {
	e := &opened{Element: &Element{Name: t.Name.Local, Line: r.lineOf(start)}, start: start, prefix: t.Name.Space}
	if len(r.open) == 0 && r.root != nil {
		return &Fault{Line: e.Line, Element: e.Name, Reason: "a second element at the top", Fix: "one document holds one <network>"}
	}
	if len(r.open) >= maxDepth {
		return &Fault{Line: e.Line, Element: e.Name, Reason: fmt.Sprintf("more than %d elements within one another", maxDepth), Fix: "check that it is a network definition"}
	}
	if len(t.Attr) > maxAttrs {
		return &Fault{Line: e.Line, Element: e.Name, Reason: fmt.Sprintf("more than %d attributes", maxAttrs), Fix: "check that it is a network definition"}
	}
	for _, a := range t.Attr {
		name := qualified(a.Name)
		if e.Has(name) {
			return &Fault{Line: e.Line, Element: e.Name + "@" + name, Reason: "the attribute is given twice", Fix: "leave one out"}
		}
		e.Attrs = append(e.Attrs, Attr{Name: name, Value: a.Value})
		if prefix, ok := declared(name); ok {
			e.declare(prefix, a.Value)
		}
	}
	r.open = append(r.open, e)
	space, known := r.resolve(e.prefix)
	if !known {
		return &Fault{Line: e.Line, Element: e.prefix + ":" + e.Name, Reason: fmt.Sprintf("the prefix %q is declared nowhere", e.prefix), Fix: fmt.Sprintf("add xmlns:%s='…'", e.prefix)}
	}
	e.Space, e.Element.prefix = space, e.prefix
	return nil
}

// declared is the prefix that an attribute xmlns or xmlns:PREFIX declares.
func declared(name string) (prefix string, ok bool) {
	if name == "xmlns" {
		return "", true
	}
	return strings.CutPrefix(name, "xmlns:")
}

func (o *opened) declare(prefix, space string) {
	if o.scope == nil {
		o.scope = map[string]string{}
	}
	o.scope[prefix] = space
}

// resolve finds the namespace of a prefix; no prefix may have none.
func (r *reader) resolve(prefix string) (space string, known bool) {
	for i := len(r.open) - 1; i >= 0; i-- {
		if space, known = r.open[i].scope[prefix]; known {
			return space, true
		}
	}
	return "", prefix == "" || prefix == "xml"
}

func (r *reader) finish(t xml.EndElement, start int) *Fault {
	name := qualified(t.Name)
	if len(r.open) == 0 {
		return &Fault{Line: r.lineOf(start), Element: name, Reason: "it ends what did not begin", Fix: "remove </" + name + ">"}
	}
	e := r.open[len(r.open)-1]
	if began := qualified(xml.Name{Space: e.prefix, Local: e.Name}); began != name {
		return &Fault{Line: r.lineOf(start), Element: began, Reason: fmt.Sprintf("</%s> where <%s> of line %d ends", name, began, e.Line), Fix: "write </" + began + ">"}
	}
	if r.inMetadata() {
		e.raw = r.source(e, int(r.d.InputOffset()))
	}
	e.Text = string(e.text)
	r.open = r.open[:len(r.open)-1]
	if len(r.open) == 0 {
		r.root = e.Element
		return nil
	}
	r.open[len(r.open)-1].Add(e.Element)
	return nil
}

// inMetadata reports whether the innermost open element is a child of a
// <metadata> that itself is at the top or right below it.
func (r *reader) inMetadata() bool {
	n := len(r.open)
	return n >= 2 && n <= 3 && r.open[n-2].Name == "metadata" && r.open[n-2].Space == ""
}

// source is the text of the innermost element, with the prefixes declared that it
// uses and that something around it declares.
func (r *reader) source(e *opened, end int) string {
	text := string(r.doc[e.start:end])
	at := 1 + len(qualified(xml.Name{Space: e.prefix, Local: e.Name})) // behind "<NAME"
	var extra string
	for prefix, space := range r.outer() {
		if _, own := e.scope[prefix]; !own && (prefix == "" || strings.Contains(text, prefix+":")) {
			extra += attrText(Attr{Name: strings.TrimSuffix("xmlns:"+prefix, ":"), Value: space})
		}
	}
	return text[:at] + extra + text[at:]
}

// outer yields the declarations around the innermost open element, the nearest of
// each prefix, in the order in which they would be looked up.
func (r *reader) outer() func(func(prefix, space string) bool) {
	return func(yield func(prefix, space string) bool) {
		seen := map[string]bool{}
		for i := len(r.open) - 2; i >= 0; i-- {
			for _, a := range r.open[i].Attrs {
				prefix, ok := declared(a.Name)
				if !ok || seen[prefix] {
					continue
				}
				seen[prefix] = true
				if !yield(prefix, a.Value) {
					return
				}
			}
		}
	}
}

// qualified is a name as it was written: the decoder's raw tokens have the prefix
// in the place of the namespace.
func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// lineOf counts the line of an offset; offsets come in ascending order.
func (r *reader) lineOf(offset int) int {
	if offset > r.offset {
		r.line += bytes.Count(r.doc[r.offset:offset], []byte("\n"))
		r.offset = offset
	}
	return r.line
}
