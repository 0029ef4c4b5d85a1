package dnsmasq

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"ubridge/internal/importer"
)

// maxDepth is how deep files may include one another.
const maxDepth = 16

// setting is one line of the configuration.
type setting struct {
	key, value string
	file       string
	line       int
}

// at is its place, of a network or of none.
func (s *setting) at(network string) importer.At {
	return importer.At{Network: network, File: s.file, Line: s.line}
}

// parser reads files and what they include.
type parser struct {
	files    *importer.Files
	settings []setting
	depth    int
}

func (p *parser) file(name string) error {
	text, err := p.files.Read(name)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(string(text), "\n") {
		key, value := split(line)
		if key == "" {
			continue
		}
		s := setting{key, value, name, i + 1}
		if err := p.take(s); err != nil {
			return err
		}
	}
	return nil
}

// split reads KEY[=VALUE]. A comment begins with '#' at the start or after a
// blank, outside of quotes.
func split(line string) (key, value string) {
	var b strings.Builder
	quoted, blank := false, true
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		case !quoted && c == '#' && blank:
			line = line[:i]
		default:
			b.WriteByte(c)
		}
		blank = c == ' ' || c == '\t'
	}
	key, value, _ = strings.Cut(strings.TrimSpace(strings.ToValidUTF8(b.String(), "?")), "=")
	return strings.TrimSpace(key), strings.TrimSpace(value)
}

// take notes a setting, or reads what it includes.
func (p *parser) take(s setting) error {
	if s.key != "conf-file" && s.key != "conf-dir" {
		p.settings = append(p.settings, s)
		return nil
	}
	if p.depth++; p.depth > maxDepth {
		return fmt.Errorf("%s:%d: files include one another more than %d deep; take the loop out", s.file, s.line, maxDepth)
	}
	defer func() { p.depth-- }()
	if s.key == "conf-file" {
		return p.file(s.value)
	}
	return p.dir(s.value)
}

// dir is conf-dir: DIR[,SUFFIX…]; a suffix is passed over, one that begins with
// '*' is asked for.
func (p *parser) dir(value string) error {
	words := strings.Split(value, ",")
	for _, name := range p.files.List(words[0]) {
		if !included(path.Base(name), words[1:]) {
			continue
		}
		if err := p.file(name); err != nil {
			return err
		}
	}
	return nil
}

func included(base string, suffixes []string) bool {
	if strings.HasSuffix(base, "~") || strings.HasPrefix(base, "#") && strings.HasSuffix(base, "#") {
		return false
	}
	wanted := false
	for _, s := range suffixes {
		only, isOnly := strings.CutPrefix(strings.TrimSpace(s), "*")
		wanted = wanted || isOnly
		if isOnly && strings.HasSuffix(base, only) {
			return true
		}
		if !isOnly && s != "" && strings.HasSuffix(base, s) {
			return false
		}
	}
	return !wanted
}

// list are the settings of some keys.
func (p *parser) list(keys ...string) (list []*setting) {
	for i := range p.settings {
		if slices.Contains(keys, p.settings[i].key) {
			list = append(list, &p.settings[i])
		}
	}
	return list
}

// last is the value of a key that counts once; empty for none.
func (p *parser) last(key string) string {
	list := p.list(key)
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1].value
}

// words are a value's parts between commas.
func words(value string) []string {
	parts := strings.Split(value, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}
