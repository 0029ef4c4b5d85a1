package ifupdown

import (
	"fmt"
	"strings"
)

// edit says what becomes of the host's addresses: the NIC has them, in a stanza
// of its own, and the bridge is gone.
func (b *bridge) edit(nic string) string {
	var t strings.Builder
	fmt.Fprintf(&t, "the host's addresses go from %s to %s: in place of\n%s%swrite\n\n", b.name, nic, b.places(b.name), b.places(nic))
	if b.auto[b.name] || b.auto[nic] {
		fmt.Fprintf(&t, "    auto %s\n", nic)
	}
	for _, s := range b.stanzas {
		fmt.Fprintf(&t, "    iface %s\n", strings.TrimSpace(strings.Join([]string{nic, s.family, s.method}, " ")))
		for _, o := range s.options {
			if !strings.HasPrefix(o.key, "bridge_") && !script(o.key) {
				fmt.Fprintf(&t, "        %s %s\n", o.word, o.value)
			}
		}
	}
	return t.String()
}

// places are the lines of the stanzas of an interface, one of them on a line.
func (b *bridge) places(name string) string {
	var t strings.Builder
	for _, s := range b.setup.stanzas {
		if s.name == name {
			fmt.Fprintf(&t, "    iface %s   (%s:%d)\n", strings.TrimSpace(strings.Join([]string{name, s.family, s.method}, " ")), s.file, s.line)
		}
	}
	return t.String()
}
