package config

import (
	"fmt"
	"strings"
)

// Error is one fault of a configuration.
type Error struct {
	File   string // path of the file; NAME.toml for a definition that came as bytes
	Line   int    // from 1; 0 for a model that was not read from text
	Key    string // such as dhcp.hosts[1].mac, or ip/dhcp/host@mac in libvirt's XML; empty where the text is neither
	Reason string
	Fix    string // what to do
}

// Error is "FILE:LINE: KEY: REASON; FIX", with the parts that are known.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	b.WriteString(": " + e.Reason)
	if e.Fix != "" {
		b.WriteString("; " + e.Fix)
	}
	return b.String()
}

// faults gathers what is wrong with one file.
type faults struct {
	file    string
	lines   lines
	spelled spelling
	list    []error
}

// add records a fault of key. The fix is a clause such as "use 1-65535".
func (f *faults) add(key, fix, format string, args ...any) {
	f.list = append(f.list, &Error{
		File: f.file, Line: f.lines.of(key), Key: f.spelled.of(key),
		Reason: fmt.Sprintf(format, args...), Fix: fix,
	})
}

// spelling tells by what name a document has a key of the model; libvirt's XML has
// names of its own.
type spelling map[string]string

// of is the name of key, or that of the nearest thing around it.
func (n spelling) of(key string) string {
	for at := key; n != nil; {
		if name, ok := n[at]; ok {
			return name
		}
		cut := strings.LastIndexAny(at, ".[")
		if cut < 0 {
			return "network"
		}
		at = at[:cut]
	}
	return key
}

// errorList is several faults, each on a line of its own.
type errorList []error

func (l errorList) Error() string {
	text := make([]string, len(l))
	for i, err := range l {
		text[i] = err.Error()
	}
	return strings.Join(text, "\n")
}

// Unwrap lets errors.As find each fault.
func (l errorList) Unwrap() []error { return l }

// err is nil without faults, the fault itself if it is alone.
func (f *faults) err() error { return joined(f.list) }

func joined(list []error) error {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return errorList(list)
}
