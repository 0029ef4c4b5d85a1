package libvirtxml

import "strings"

// Write gives the document in libvirt's own layout: two spaces a level, single
// quotes, elements in the order in which libvirt writes them.
func (e *Element) Write() []byte {
	var b strings.Builder
	e.write(&b, 0)
	return []byte(b.String())
}

func (e *Element) write(b *strings.Builder, depth int) {
	indent := strings.Repeat("  ", depth)
	b.WriteString(indent)
	if e.raw != "" {
		b.WriteString(e.raw + "\n")
		return
	}
	if len(e.Children) == 0 {
		b.WriteString(e.compact() + "\n")
		return
	}
	b.WriteString(e.head() + ">\n")
	for _, c := range e.Children {
		c.write(b, depth+1)
	}
	b.WriteString(indent + "</" + e.tag() + ">\n")
}

// compact is the element on one line.
func (e *Element) compact() string {
	if e.raw != "" {
		return e.raw
	}
	if len(e.Children) == 0 && e.Text == "" {
		return e.head() + "/>"
	}
	text := e.head() + ">"
	if len(e.Children) == 0 {
		text += inText.Replace(e.Text)
	}
	for _, c := range e.Children {
		text += c.compact()
	}
	return text + "</" + e.tag() + ">"
}

func (e *Element) head() string {
	text := "<" + e.tag()
	for _, a := range e.Attrs {
		text += attrText(a)
	}
	return text
}

func (e *Element) tag() string {
	if e.prefix == "" {
		return e.Name
	}
	return e.prefix + ":" + e.Name
}

// Characters that XML gives a meaning are written as references (XML 1.0 §2.4). A
// reader makes spaces of the white space in attributes, and a line end of a
// carriage return, unless they are references (§3.3.3, §2.11).
var (
	inText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#13;")
	inAttr = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&apos;", "\t", "&#9;", "\n", "&#10;", "\r", "&#13;")
)

func attrText(a Attr) string { return " " + a.Name + "='" + inAttr.Replace(a.Value) + "'" }
