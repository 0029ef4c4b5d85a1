package config

import (
	"bytes"
	"errors"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// MaxFile is the size in bytes beyond which a configuration file is refused.
const MaxFile = 1 << 20

// decode fills raw, a pointer to a raw struct, and refuses unknown keys.
func decode(file string, doc []byte, raw any) (*faults, error) {
	f := &faults{file: file}
	if len(doc) > MaxFile {
		return nil, &Error{File: file, Reason: "larger than 1 MiB", Fix: "check that it is a configuration file"}
	}
	err := toml.NewDecoder(bytes.NewReader(doc)).DisallowUnknownFields().Decode(raw)
	if err != nil {
		return nil, explain(file, raw, err)
	}
	f.lines = indexLines(doc)
	return f, nil
}

// explain turns a decoder's error into faults with file, line, key and fix.
func explain(file string, raw any, err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		list := make([]error, len(unknown.Errors))
		for i := range unknown.Errors {
			list[i] = unknownKey(file, raw, &unknown.Errors[i])
		}
		return joined(list)
	}
	var wrong *toml.DecodeError
	if !errors.As(err, &wrong) {
		return &Error{File: file, Reason: strings.TrimPrefix(err.Error(), "toml: "), Fix: "correct the TOML"}
	}
	line, _ := wrong.Position()
	key := strings.Join(wrong.Key(), ".")
	if want := wanted(reflect.TypeOf(raw).Elem(), wrong.Key()); want != "" && strings.Contains(wrong.Error(), "cannot") {
		return &Error{File: file, Line: line, Key: key, Reason: "the value has the wrong type", Fix: "write " + want}
	}
	return &Error{File: file, Line: line, Key: key, Reason: strings.TrimPrefix(wrong.Error(), "toml: "), Fix: "correct the TOML"}
}

func unknownKey(file string, raw any, e *toml.DecodeError) error {
	line, _ := e.Position()
	fix := "remove it"
	known := knownKeys(reflect.TypeOf(raw).Elem(), e.Key()[:len(e.Key())-1])
	if len(known) > 0 {
		fix = "the keys here are " + strings.Join(known, ", ")
	}
	return &Error{File: file, Line: line, Key: strings.Join(e.Key(), "."), Reason: "unknown key", Fix: fix}
}

// field finds the type behind a key path, through tables and lists of tables.
func field(t reflect.Type, path []string) reflect.Type {
	for _, key := range path {
		t = strip(t, reflect.Pointer, reflect.Slice)
		if t.Kind() != reflect.Struct {
			return nil
		}
		i := 0
		for i < t.NumField() && keyOf(t.Field(i)) != key {
			i++
		}
		if i == t.NumField() {
			return nil
		}
		t = t.Field(i).Type
	}
	return t
}

// knownKeys lists the keys of the table at path.
func knownKeys(t reflect.Type, path []string) []string {
	if t = field(t, path); t == nil {
		return nil
	}
	if t = strip(t, reflect.Pointer, reflect.Slice); t.Kind() != reflect.Struct {
		return nil
	}
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = keyOf(t.Field(i))
	}
	return keys
}

// wanted says in words what the value at path must be.
func wanted(t reflect.Type, path []string) string {
	if t = field(t, path); t == nil {
		return ""
	}
	t = strip(t, reflect.Pointer)
	switch {
	case t.Kind() == reflect.String:
		return `a text in quotes, such as "…"`
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int64:
		return "a whole number"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return `a list of texts, such as ["…", "…"]`
	case t.Kind() == reflect.Slice:
		return "a list of tables, [[" + strings.Join(path, ".") + "]]"
	}
	return "a table, [" + strings.Join(path, ".") + "]"
}

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return key
}

func strip(t reflect.Type, kinds ...reflect.Kind) reflect.Type {
	for {
		before := t
		for _, k := range kinds {
			if t.Kind() == k {
				t = t.Elem()
			}
		}
		if t == before {
			return t
		}
	}
}
