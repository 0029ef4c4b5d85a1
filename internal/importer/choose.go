package importer

import (
	"fmt"
	"strings"
)

// Only keeps one network of the plan, and the notes that are of it or of none.
func (p *Plan) Only(name string) error {
	for i := range p.Networks {
		if p.Networks[i].Name != name {
			continue
		}
		left := p.left()
		kept := p.NotesOf(name)
		for _, n := range left {
			if n.Network == "" {
				kept = append(kept, n)
			}
		}
		p.Networks, p.Notes = []Network{p.Networks[i]}, kept
		return nil
	}
	return fmt.Errorf("there is no network %s to be imported; there is %s", name, orNone(p.names()))
}

// Rename gives the plan's only network another name.
func (p *Plan) Rename(name string) error {
	if len(p.Networks) != 1 {
		return fmt.Errorf("a name is for one network, and there is %s; choose by --only", orNone(p.names()))
	}
	old := p.Networks[0].Name
	p.Networks[0].Name = name
	for i := range p.Notes {
		if p.Notes[i].Network == old {
			p.Notes[i].Network = name
		}
	}
	return p.Networks[0].Check()
}

func (p *Plan) names() (list []string) {
	for i := range p.Networks {
		list = append(list, p.Networks[i].Name)
	}
	return list
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
