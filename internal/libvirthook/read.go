package libvirthook

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Namespace is that of our element in a domain's metadata.
const Namespace = "urn:ubridge:domain:1"

// maxXML is the length in bytes of the longest domain that is read.
const maxXML = 4 << 20

// Domain is what concerns us of a domain.
type Domain struct {
	Name       string
	Interfaces []Interface // of type ethernet that have a device
}

// Interface is a card of the guest.
type Interface struct {
	Device  string // of the host
	MAC     string // of the guest
	Network string // of ours; empty: none is named
}

// Tells reports whether an operation tells that a domain's devices are there: just
// before it runs, and when libvirt finds it running.
func Tells(operation, suboperation string) bool {
	return suboperation == "begin" && (operation == "start" || operation == "reconnect" || operation == "attach")
}

// domainXML is the part of the format that is read.
type domainXML struct {
	Name     string `xml:"name"`
	Metadata struct {
		Guest struct {
			Network    string `xml:"network,attr"`
			Interfaces []struct {
				MAC     string `xml:"mac,attr"`
				Network string `xml:"network,attr"`
			} `xml:"urn:ubridge:domain:1 interface"`
		} `xml:"urn:ubridge:domain:1 guest"`
	} `xml:"metadata"`
	Interfaces []struct {
		Type string `xml:"type,attr"`
		MAC  struct {
			Address string `xml:"address,attr"`
		} `xml:"mac"`
		Target struct {
			Dev string `xml:"dev,attr"`
		} `xml:"target"`
	} `xml:"devices>interface"`
}

// Read reads a domain's XML.
func Read(r io.Reader) (Domain, error) {
	var raw domainXML
	if err := xml.NewDecoder(io.LimitReader(r, maxXML)).Decode(&raw); err != nil {
		return Domain{}, fmt.Errorf("domain's XML: %w", err)
	}
	d := Domain{Name: raw.Name}
	for _, i := range raw.Interfaces {
		if i.Type != "ethernet" || i.Target.Dev == "" {
			continue
		}
		out := Interface{Device: i.Target.Dev, MAC: i.MAC.Address, Network: raw.Metadata.Guest.Network}
		for _, named := range raw.Metadata.Guest.Interfaces {
			if strings.EqualFold(named.MAC, i.MAC.Address) {
				out.Network = named.Network
			}
		}
		d.Interfaces = append(d.Interfaces, out)
	}
	return d, nil
}
