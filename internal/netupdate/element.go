package netupdate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Element is an element of a section: its attributes, and what its children say.
type Element struct {
	Attrs map[string]string
	Names []string // <hostname> of a DNS host
	Text  string   // the whole, as XML, of a section whose elements are kept as they are
}

// maxElement bounds an element's text, in bytes.
const maxElement = 64 << 10

// ParseXML reads one element, named as the section wants it. Attributes and
// children that the section does not know are refused.
func ParseXML(section, text string) (Element, error) {
	kind, err := find(section)
	if err != nil {
		return Element{}, err
	}
	if len(text) > maxElement {
		return Element{}, fmt.Errorf("the XML is longer than %d bytes", maxElement)
	}
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errors.New("write it in UTF-8") }
	e := Element{Attrs: map[string]string{}}
	start, err := root(d)
	if err != nil {
		return e, fmt.Errorf("XML of section %s: %w", section, err)
	}
	if start.Name.Local != kind.element {
		return e, fmt.Errorf("section %s takes <%s>, not <%s>", section, kind.element, start.Name.Local)
	}
	for _, a := range start.Attr {
		e.Attrs[a.Name.Local] = a.Value
	}
	if err := children(d, kind, &e); err != nil {
		return e, fmt.Errorf("XML of section %s: %w", section, err)
	}
	if kind.whole {
		e.Text = text
	}
	return e, kind.check(section, e)
}

// ParseWords reads KEY=VALUE words, the attributes of the element; hostname may
// come several times.
func ParseWords(section string, words []string) (Element, error) {
	e := Element{Attrs: map[string]string{}}
	kind, err := find(section)
	if err != nil {
		return e, err
	}
	for _, w := range words {
		key, value, found := strings.Cut(w, "=")
		_, twice := e.Attrs[key]
		switch {
		case !found || key == "":
			return e, fmt.Errorf("%q is neither XML nor KEY=VALUE; section %s has %s", w, section, strings.Join(kind.words(), ", "))
		case kind.names && key == "hostname":
			e.Names = append(e.Names, strings.Split(value, ",")...)
		case twice:
			return e, fmt.Errorf("%s is given twice", key)
		default:
			e.Attrs[key] = value
		}
	}
	return e, kind.check(section, e)
}

// root finds the first element; there may be comments before it.
func root(d *xml.Decoder) (xml.StartElement, error) {
	for {
		t, err := d.Token()
		switch t := t.(type) {
		case xml.StartElement:
			return t, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return xml.StartElement{}, fmt.Errorf("text %q before the element", bytes.TrimSpace(t))
			}
		case xml.Directive:
			return xml.StartElement{}, errors.New("a DTD has no place here")
		}
		if err != nil {
			return xml.StartElement{}, fmt.Errorf("no element: %w", err)
		}
	}
}

// children reads up to the end of the element, and of the text.
func children(d *xml.Decoder, kind *kind, e *Element) error {
	for ended := false; ; {
		t, err := d.Token()
		if errors.Is(err, io.EOF) && ended {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if ended {
				return fmt.Errorf("<%s> after the end of <%s>", t.Name.Local, kind.element)
			}
			if err := child(d, t, kind, e); err != nil {
				return err
			}
		case xml.EndElement:
			ended = true
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return fmt.Errorf("text %q in <%s>", bytes.TrimSpace(t), kind.element)
			}
		}
	}
}

// child reads one child.
func child(d *xml.Decoder, t xml.StartElement, kind *kind, e *Element) error {
	switch {
	case kind.whole:
		return d.Skip()
	case kind.names && t.Name.Local == "hostname":
		var name string
		err := d.DecodeElement(&name, &t)
		e.Names = append(e.Names, strings.TrimSpace(name))
		return err
	case kind.lease && t.Name.Local == "lease":
		var l struct {
			Expiry uint32 `xml:"expiry,attr"`
			Unit   string `xml:"unit,attr"`
		}
		if err := d.DecodeElement(&l, &t); err != nil {
			return err
		}
		unit, known := map[string]string{"": "m", "seconds": "s", "minutes": "m", "hours": "h"}[l.Unit]
		if !known {
			return fmt.Errorf("there is no unit %q of a lease; use seconds, minutes or hours", l.Unit)
		}
		e.Attrs["lease_time"] = fmt.Sprint(l.Expiry) + unit
		return nil
	}
	return fmt.Errorf("<%s> has no place in <%s>", t.Name.Local, kind.element)
}

// check refuses attributes that the section does not have.
func (k *kind) check(section string, e Element) error {
	for name := range e.Attrs {
		if !slices.Contains(k.attrs, name) {
			return fmt.Errorf("<%s> of section %s has no %q here; it has %s", k.element, section, name, strings.Join(k.words(), ", "))
		}
	}
	return nil
}

func (k *kind) words() []string {
	if k.names {
		return append(slices.Clone(k.attrs), "hostname")
	}
	return k.attrs
}
