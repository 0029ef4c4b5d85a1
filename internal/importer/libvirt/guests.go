package libvirt

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"ubridge/internal/importer"
)

// Where libvirt keeps domains: those defined, and the state of those running.
const (
	domainsDir = "/etc/libvirt/qemu"
	runningDir = "/run/libvirt/qemu"
)

// Guest is an interface of a domain on a network.
type Guest struct {
	Domain  string
	MAC     string
	Model   string // of the device; empty: libvirt's choice
	Queues  string // of <driver>; empty: not given
	Defined bool   // it is in the persistent definition, and comes again at the next start
	Tap     string // device that it has now; empty: the domain does not run
	Via     string // network='NAME' or bridge='NAME'
}

// domain is the part of a domain's XML that is looked at.
type domain struct {
	Name       string `xml:"name"`
	Interfaces []struct {
		Type string `xml:"type,attr"`
		MAC  struct {
			Address string `xml:"address,attr"`
		} `xml:"mac"`
		Source struct {
			Network string `xml:"network,attr"`
			Bridge  string `xml:"bridge,attr"`
		} `xml:"source"`
		Target struct {
			Dev string `xml:"dev,attr"`
		} `xml:"target"`
		Model struct {
			Type string `xml:"type,attr"`
		} `xml:"model"`
		Driver struct {
			Queues string `xml:"queues,attr"`
		} `xml:"driver"`
	} `xml:"devices>interface"`
}

// readGuests reads the interfaces of all domains, each once: what is defined, and
// the tap of what runs.
func readGuests(files *importer.Files, plan *importer.Plan) (all []Guest, err error) {
	for _, dir := range []string{domainsDir, runningDir} {
		for _, file := range files.List(dir) {
			if path.Ext(file) != ".xml" {
				continue
			}
			d, err := readDomain(files, file, dir == runningDir)
			if errors.Is(err, fs.ErrPermission) {
				return nil, err
			}
			if err != nil {
				plan.Note(importer.At{File: file}, "", "look through it by hand for interfaces of the network", "this domain is not readable: %v", err)
				continue
			}
			all = d.join(all, dir == runningDir)
		}
	}
	return all, nil
}

func readDomain(files *importer.Files, file string, running bool) (*domain, error) {
	text, err := files.Read(file)
	if err == nil && running {
		text, err = inner(file, text, "domain")
	}
	if err != nil {
		return nil, err
	}
	d := &domain{}
	return d, xml.Unmarshal(text, d)
}

// join adds a domain's interfaces to those that are known.
func (d *domain) join(all []Guest, running bool) []Guest {
	for _, i := range d.Interfaces {
		g := Guest{Domain: d.Name, MAC: i.MAC.Address, Model: i.Model.Type, Queues: i.Driver.Queues, Defined: !running}
		switch {
		case i.Type == "network" && i.Source.Network != "":
			g.Via = "network='" + i.Source.Network + "'"
		case i.Type == "bridge" && i.Source.Bridge != "":
			g.Via = "bridge='" + i.Source.Bridge + "'"
		default:
			continue
		}
		if running {
			g.Tap = i.Target.Dev
		}
		same := func(o Guest) bool { return o.Domain == g.Domain && strings.EqualFold(o.MAC, g.MAC) }
		if at := slices.IndexFunc(all, same); at >= 0 {
			all[at].Tap = g.Tap
			continue
		}
		all = append(all, g)
	}
	return all
}

// of are the guests of a network, by its name or its bridge's.
func of(all []Guest, network, bridge string) (list []Guest) {
	for _, g := range all {
		if g.Via == "network='"+network+"'" || bridge != "" && g.Via == "bridge='"+bridge+"'" {
			list = append(list, g)
		}
	}
	return list
}

// inner is the first element of a name with all that is in it, as it stands in
// libvirt's state files; what is before it becomes blank, so that lines are kept.
func inner(file string, text []byte, name string) ([]byte, error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		start := d.InputOffset()
		t, err := d.Token()
		if err == io.EOF {
			return nil, fmt.Errorf("%s: there is no <%s> in it", file, name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == name {
			if err := d.Skip(); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			return append(blank(text[:start]), text[start:d.InputOffset()]...), nil
		}
	}
}

// blank has the lines of text and nothing on them.
func blank(text []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return ' '
	}, text)
}
