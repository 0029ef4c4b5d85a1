package importer

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Text is the plan for people: each definition as its file would be, what goes
// with it in comments. The text of a single network is a definition as it stands.
func (p *Plan) Text() string {
	var b strings.Builder
	for i := range p.Networks {
		p.network(&b, &p.Networks[i])
	}
	notes(&b, "not carried over", p.left())
	return b.String()
}

func (p *Plan) network(b *strings.Builder, n *Network) {
	fmt.Fprintf(b, "# network %s, of %s\n%s", n.Name, n.From, n.Marshal())
	notes(b, "not carried over, or guessed", p.NotesOf(n.Name))
	if len(n.Leases) > 0 {
		fmt.Fprintf(b, "# leases that guests keep:\n")
		for _, l := range n.Leases {
			fmt.Fprintf(b, "#   %s\n", l)
		}
	}
	if n.Edit != "" {
		b.WriteString("# for you to do:\n")
		indent(b, n.Edit)
	}
	b.WriteByte('\n')
}

func notes(b *strings.Builder, title string, list []Note) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "# %s:\n", title)
	for _, n := range list {
		indent(b, n.String())
	}
}

// indent writes text as comments.
func indent(b *strings.Builder, text string) {
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight("#   "+Printable(strings.TrimRight(line, "\r\n")), " ") + "\n")
	}
}

// left are the notes that belong to no network of the plan.
func (p *Plan) left() (list []Note) {
	made := map[string]bool{}
	for i := range p.Networks {
		made[p.Networks[i].Name] = true
	}
	for _, n := range p.Notes {
		if !made[n.Network] {
			list = append(list, n)
		}
	}
	return list
}

// String is a lease on a line: address, MAC, name, end.
func (l Lease) String() string {
	end := "never ends"
	if !l.Expires.IsZero() {
		end = "until " + l.Expires.UTC().Format(time.RFC3339)
	}
	text := fmt.Sprintf("%v %v", l.IP, l.MAC)
	if l.Hostname != "" {
		text += " " + Printable(l.Hostname)
	}
	if len(l.ClientID) > 0 {
		text += " id " + hex.EncodeToString(l.ClientID)
	}
	return text + ", " + end
}

// Printable makes text from a file fit for a terminal and for a comment of TOML.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0xfffd || r == 0x2028 || r == 0x2029 {
			return '?'
		}
		return r
	}, text)
}
