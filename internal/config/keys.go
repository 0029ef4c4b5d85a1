package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Key is one key of a definition and what it says.
type Key struct {
	Name   string   // as in the file: "dhcp.lease_time"
	List   bool     // it may have several values
	Values []string // as text; a table is "mac=… ip=…"; empty: not given
}

// Keys are all keys of the definition, in the order of the file. What a default
// decides is said where Marshal writes it. Two networks of one name are Equal if
// their Keys are equal.
func (n Network) Keys() []Key {
	raw := n.raw()
	return keysOf(reflect.ValueOf(&raw).Elem(), "")
}

func keysOf(table reflect.Value, prefix string) (list []Key) {
	for i := range table.NumField() {
		name := join(prefix, keyOf(table.Type().Field(i)))
		if v := table.Field(i); v.Kind() == reflect.Struct {
			list = append(list, keysOf(v, name)...)
		} else {
			list = append(list, Key{Name: name, List: v.Kind() == reflect.Slice, Values: values(v)})
		}
	}
	return list
}

// values are the texts of a key that is no table.
func values(v reflect.Value) (list []string) {
	switch {
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			list = append(list, text(v.Index(i)))
		}
	case !v.IsZero():
		list = []string{text(v)}
	}
	return list
}

// text is a value in one line: a scalar as it is, a table as its keys.
func text(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return text(v.Elem())
	case reflect.Struct:
		var words []string
		for _, k := range keysOf(v, "") {
			if len(k.Values) > 0 {
				words = append(words, k.Name+"="+strings.Join(k.Values, ","))
			}
		}
		return strings.Join(words, " ")
	}
	return fmt.Sprint(v)
}

// Take gives the definition with the named keys as other has them.
func (n Network) Take(other Network, keys ...string) (Network, error) {
	to, from := n.raw(), other.raw()
	for _, key := range keys {
		dst, err := n.find(&to, key)
		if err != nil {
			return n, err
		}
		src, _ := n.find(&from, key) // found in the one, so in the other
		dst.Set(src)
	}
	return n.again(&to)
}

// Set gives the definition with keys as KEY=VALUE words have them, which are
// checked together. A value is a number or a string as it stands, true or false,
// or the elements of a list with commas between them; an empty one is the default.
// Lists of tables cannot be set.
func (n Network) Set(words ...string) (Network, error) {
	raw := n.raw()
	for _, w := range words {
		key, value, found := strings.Cut(w, "=")
		if !found {
			return n, fmt.Errorf("%q is not KEY=VALUE", w)
		}
		field, err := n.find(&raw, key)
		if err != nil {
			return n, err
		}
		if err := setText(field, value); err != nil {
			return n, n.fault(key, "write "+wanted(reflect.TypeFor[rawNetwork](), strings.Split(key, ".")), err.Error())
		}
	}
	return n.again(&raw)
}

func setText(field reflect.Value, text string) error {
	if text == "" {
		field.SetZero()
		return nil
	}
	switch to := field.Addr().Interface().(type) {
	case **string:
		*to = &text
	case **bool:
		v, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*to = &v
	case **int64:
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		*to = &v
	case *[]string:
		for word := range strings.SplitSeq(text, ",") {
			*to = append((*to)[:len(*to):len(*to)], strings.TrimSpace(word))
		}
	default:
		return fmt.Errorf("it is made of tables")
	}
	return nil
}

// find is the field of a key that is no table.
func (n Network) find(raw *rawNetwork, key string) (reflect.Value, error) {
	v, path := reflect.ValueOf(raw).Elem(), strings.Split(key, ".")
	for i, word := range path {
		var names []string
		var next reflect.Value
		for j := range v.NumField() {
			names = append(names, join(strings.Join(path[:i], "."), keyOf(v.Type().Field(j))))
			if keyOf(v.Type().Field(j)) == word {
				next = v.Field(j)
			}
		}
		if !next.IsValid() || i < len(path)-1 && next.Kind() != reflect.Struct {
			slices.Sort(names)
			return next, n.fault(key, "the keys here are "+strings.Join(names, ", "), "unknown key")
		}
		v = next
	}
	if v.Kind() == reflect.Struct {
		return v, n.fault(key, fmt.Sprintf("name one of its keys, such as %s.%s", key, keyOf(v.Type().Field(0))), "a table")
	}
	return v, nil
}

// fault is an error about a key of a definition that has no text.
func (n Network) fault(key, fix, reason string) error {
	return &Error{File: "network " + n.Name, Key: key, Reason: reason, Fix: fix}
}

// again reads a definition from its raw form, as from a file.
func (n Network) again(raw *rawNetwork) (Network, error) {
	doc, err := toml.Marshal(raw)
	if err != nil {
		return n, fmt.Errorf("network %s: %w", n.Name, err)
	}
	var copied rawNetwork // shares no slice with n
	if err := toml.Unmarshal(doc, &copied); err != nil {
		return n, fmt.Errorf("network %s: %w", n.Name, err)
	}
	f := &faults{file: "network " + n.Name}
	next := DefaultIn(n.Name, copied.mode())
	next.Origin = n.Origin
	f.network(&copied, &next)
	if err := f.err(); err != nil {
		return n, err
	}
	f.check(&next)
	return next, f.err()
}
