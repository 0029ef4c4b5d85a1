package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"ubridge/internal/config/libvirtxml"
)

// ownName is how messages call ubridge's element in <metadata>.
const ownName = "metadata/ubridge:definition"

// extra reads ubridge's element in <metadata>: keys of the native form.
func (x *xmlReader) extra(e *libvirtxml.Element) {
	if e == nil {
		return
	}
	x.own = true
	at := func(err error) *Error {
		told, ok := errors.AsType[*Error](err)
		if !ok {
			told = &Error{File: x.file, Line: 1, Reason: err.Error()}
		}
		told.Line += e.Line - 1
		told.Key = strings.TrimSpace(ownName + " " + told.Key)
		return told
	}
	if len(e.Children) > 0 {
		x.list = append(x.list, at(&Error{File: x.file, Line: 1, Reason: "elements where there should be text", Fix: `write keys of a definition, such as uplink = "eth0"`}))
		return
	}
	f, err := decode(x.file, []byte(e.Text), &x.more)
	if err != nil {
		for _, one := range each(err) {
			x.list = append(x.list, at(one))
		}
		return
	}
	for key, line := range f.lines {
		x.lines[key], x.spelled[key] = line+e.Line-1, ownName+" "+key
	}
	if len(x.more.Libvirt.Kept) > 0 {
		x.add("libvirt.kept", "write the elements themselves into <network>", "elements within an element's text")
	}
}

// each are the single faults of an error.
func each(err error) []error {
	if list, ok := err.(errorList); ok {
		return list
	}
	return []error{err}
}

// text writes the keys that are set.
func (raw *rawNetwork) text() string {
	doc, err := toml.Marshal(raw)
	if err != nil {
		panic(fmt.Sprintf("config: marshal: %v", err)) // strings, numbers and lists of them only
	}
	if len(doc) == 0 {
		return ""
	}
	return "\n" + string(doc)
}

// overlay sets in to what from says; a list takes the place of the other.
func overlay(to, from *rawNetwork) {
	overlayValue(reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem())
}

func overlayValue(to, from reflect.Value) {
	for i := range from.NumField() {
		switch f := from.Field(i); {
		case f.Kind() == reflect.Struct:
			overlayValue(to.Field(i), f)
		case !f.IsNil():
			to.Field(i).Set(f)
		}
	}
}

// difference gives the keys of a that b has otherwise, with the values of a. A truth
// that only b has is false in a.
func difference(a, b rawNetwork) (diff rawNetwork, keys []string) {
	differ(reflect.ValueOf(a), reflect.ValueOf(b), reflect.ValueOf(&diff).Elem(), "", &keys)
	return diff, keys
}

func differ(a, b, to reflect.Value, table string, keys *[]string) {
	for i := range a.NumField() {
		f, g, key := a.Field(i), b.Field(i), join(table, keyOf(a.Type().Field(i)))
		if f.Kind() == reflect.Struct {
			differ(f, g, to.Field(i), key, keys)
			continue
		}
		if reflect.DeepEqual(f.Interface(), g.Interface()) || f.Kind() == reflect.Slice && f.Len()+g.Len() == 0 {
			continue
		}
		*keys = append(*keys, key)
		to.Field(i).Set(f)
		if f.Kind() == reflect.Pointer && f.IsNil() && f.Type().Elem().Kind() == reflect.Bool {
			to.Field(i).Set(reflect.ValueOf(new(bool)))
		}
	}
}
