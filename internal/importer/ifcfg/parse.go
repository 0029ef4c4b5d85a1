package ifcfg

import (
	"path"
	"regexp"
	"strings"

	"ubridge/internal/importer"
)

// assignment is one line NAME=VALUE.
type assignment struct {
	key, value string
	line       int
}

// file is one ifcfg file.
type file struct {
	path        string
	device      string
	assignments []assignment
}

// get is the value of a key; the last assignment stands.
func (f *file) get(key string) (value string) {
	for _, a := range f.assignments {
		if a.key == key {
			value = a.value
		}
	}
	return value
}

var assigned = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$`)

// parse reads an ifcfg file. Lines that assign nothing are noted.
func parse(plan *importer.Plan, name string, text []byte) *file {
	f := &file{path: name, device: strings.TrimPrefix(path.Base(name), "ifcfg-")}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if t := strings.TrimSpace(line); t == "" || t[0] == '#' {
			continue
		}
		m := assigned.FindStringSubmatch(line)
		if m == nil {
			plan.Note(importer.At{File: name, Line: i + 1}, "", "", "this line assigns nothing and is passed over")
			continue
		}
		value, ok := unquote(m[2])
		if !ok {
			plan.Note(importer.At{File: name, Line: i + 1}, m[1], "write the value itself", "what the shell makes of %s is not known here", m[2])
			continue
		}
		f.assignments = append(f.assignments, assignment{m[1], value, i + 1})
	}
	if d := f.get("DEVICE"); d != "" {
		f.device = d
	}
	return f
}

// unquote reads a shell word as far as it is one: quotes, backslashes, no
// expansion. A comment may follow.
func unquote(s string) (value string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'' || c == '"':
			part, used, ok := quoted(s[i+1:], c)
			if !ok {
				return "", false
			}
			b.WriteString(part)
			i += used
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == ' ' || c == '\t':
			rest := strings.TrimSpace(s[i:])
			return b.String(), rest == "" || rest[0] == '#'
		case strings.IndexByte("$`;&|()<>", c) >= 0:
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// quoted reads to the closing quote and says how many bytes it took.
func quoted(s string, quote byte) (value string, used int, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			return b.String(), i + 1, true
		case quote == '"' && (c == '$' || c == '`'):
			return "", 0, false
		case quote == '"' && c == '\\' && i+1 < len(s) && strings.IndexByte("\\\"$`", s[i+1]) >= 0:
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, false
}
