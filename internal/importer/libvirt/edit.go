package libvirt

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"
)

// Edit says what each domain needs so that it starts again: its interface names a
// network of libvirt's, which will not be there. The ports are made in the network
// of the name that f has now.
func Edit(f *Found) string {
	var b strings.Builder
	taken := map[string]bool{}
	for _, g := range f.Guests {
		if g.Defined {
			g.edit(&b, f.Name, TapName(g.Domain, taken))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "these domains would not start again as they are:\n" + b.String()
}

func (g Guest) edit(b *strings.Builder, network, tap string) {
	fmt.Fprintf(b, "\nubridge port add %s %s%s\nvirsh edit %s   and in place of the interface %s with <source %s> write\n\n",
		network, tap, queues(g.Queues), g.Domain, g.MAC, g.Via)
	fmt.Fprintf(b, "    <interface type='ethernet'>\n      <mac address='%s'/>\n      <target dev='%s' managed='no'/>\n", quoted(g.MAC), tap)
	if g.Model != "" {
		fmt.Fprintf(b, "      <model type='%s'/>\n", quoted(g.Model))
	}
	if g.Queues != "" {
		fmt.Fprintf(b, "      <driver name='qemu' queues='%s'/>\n", quoted(g.Queues))
	}
	b.WriteString("    </interface>\n")
}

func queues(n string) string {
	if n == "" {
		return ""
	}
	return " --queues " + n
}

func quoted(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// TapName names a tap for a domain, one that is not taken. It does not begin with
// vnet, which are libvirt's own to give away.
func TapName(domain string, taken map[string]bool) string {
	name := unfit.ReplaceAllString(domain, "-")
	name = "tap-" + name[:min(len(name), 8)]
	for i, try := 1, name; ; i++ {
		if !taken[try] {
			taken[try] = true
			return try
		}
		try = fmt.Sprintf("%s-%d", name, i)
	}
}
