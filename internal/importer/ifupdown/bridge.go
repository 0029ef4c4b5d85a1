package ifupdown

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"ubridge/internal/importer"
)

// DefaultFile is where ifupdown reads.
const DefaultFile = "/etc/network/interfaces"

// Read reads file and what it sources. A bridge that cannot be made a network is
// in the plan's notes; the error is for files that cannot be read.
func Read(files *importer.Files, file string) (importer.Plan, error) {
	var plan importer.Plan
	p := &parser{files: files, plan: &plan, setup: setup{auto: map[string]bool{}}}
	if err := p.file(file); err != nil {
		return plan, err
	}
	for _, b := range p.bridges() {
		b.build()
	}
	return plan, nil
}

// bridge is an interface with options of bridge-utils: all its stanzas.
type bridge struct {
	*parser
	name    string
	at      importer.At
	stanzas []*stanza
	options []option
}

// bridges are in the order in which they are first named.
func (p *parser) bridges() (list []*bridge) {
	byName := map[string]*bridge{}
	for _, s := range p.stanzas {
		p.inherit(s)
		if !s.bridged() {
			continue
		}
		if byName[s.name] == nil {
			byName[s.name] = &bridge{parser: p, name: s.name, at: importer.At{Network: s.name, File: s.file, Line: s.line}}
			list = append(list, byName[s.name])
		}
	}
	for _, s := range p.stanzas {
		if b := byName[s.name]; b != nil {
			b.stanzas = append(b.stanzas, s)
			b.options = append(b.options, s.options...)
		}
	}
	return list
}

// bridged reports whether the stanza has an option by which ifupdown would make a
// bridge; bridge_hw and the like alone do not.
func (s *stanza) bridged() bool {
	return slices.ContainsFunc(s.options, func(o option) bool {
		return o.key == "bridge_ports" || o.key == "bridge_vlan_aware" || o.key == "bridge_stp"
	})
}

// inherit puts the options of the stanza that is inherited from before its own.
func (p *parser) inherit(s *stanza) {
	for _, other := range p.stanzas {
		if s.inherits != "" && other != s && other.name == s.inherits {
			s.options = append(slices.Clone(other.options), s.options...)
		}
	}
	s.inherits = ""
}

// ports are the devices in the bridge. What a pattern matches is looked up in
// /sys/class/net; unknown says that nothing is there to match.
func (b *bridge) ports() (list []string, unknown *option) {
	for i := range b.options {
		o := &b.options[i]
		if o.key != "bridge_ports" {
			continue
		}
		words := strings.Fields(o.value)
		if len(words) > 0 && words[0] == "all" { // as bridge-utils.sh expands it
			words = append([]string{"regex", "eth.*", "em.*", "en.*", "p[0-9].*", "noregex"}, words[1:]...)
		}
		found, matched := b.expand(words)
		if !matched || slices.Contains(words, "glob") { // ifupdown2's, with ranges of its own
			unknown = o
		}
		list = append(list, found...)
	}
	return list, unknown
}

// expand reads bridge_ports: names, and patterns between regex and noregex.
func (b *bridge) expand(words []string) (list []string, matched bool) {
	pattern, hit := false, false
	for _, w := range words {
		switch {
		case w == "none":
		case w == "regex":
			pattern = true
		case w == "noregex":
			pattern = false
		case pattern:
			found := b.matching(w)
			list, hit = append(list, found...), hit || len(found) > 0
		default:
			list = append(list, w)
		}
	}
	return list, hit || !slices.Contains(words, "regex")
}

// matching are the host's devices that a pattern of egrep matches as a whole.
func (b *bridge) matching(pattern string) (list []string) {
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return nil
	}
	const devices = "/sys/class/net"
	for _, name := range b.files.Names(devices) {
		if name != b.name && name != "lo" && re.MatchString(name) && !b.files.Exists(path.Join(devices, name, "bridge")) {
			list = append(list, name)
		}
	}
	return list
}
