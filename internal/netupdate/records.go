package netupdate

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ubridge/internal/config"
)

// dnsText does dns-txt, known by its name.
func dnsText(n *config.Network, c Command, e Element) error {
	r := config.DNSText{Name: strings.ToLower(strings.TrimSuffix(e.Attrs["name"], ".")), Value: e.Attrs["value"]}
	at := slices.IndexFunc(n.DNS.Texts, func(o config.DNSText) bool { return o.Name == r.Name })
	switch {
	case r.Name == "":
		return fmt.Errorf("a TXT record needs name")
	case c == Delete && at < 0:
		return fmt.Errorf("there is no TXT record of %s", r.Name)
	case c == Delete:
		n.DNS.Texts = without(n.DNS.Texts, at)
	case at >= 0:
		return fmt.Errorf("there is a TXT record of %s already; delete it first", r.Name)
	default:
		n.DNS.Texts = insert(n.DNS.Texts, c, r)
	}
	return nil
}

// dnsService does dns-srv: a deletion means the one that has all attributes which
// are given; an addition must not have service, protocol, domain and target of
// another.
func dnsService(n *config.Network, c Command, e Element) error {
	r, err := service(e)
	if err != nil {
		return err
	}
	list := n.DNS.Services
	if c == Delete {
		at, err := one(list, "SRV record", func(o config.DNSService) bool { return agrees(e, r, o) })
		if err != nil {
			return err
		}
		n.DNS.Services = without(list, at)
		return nil
	}
	same := func(o config.DNSService) bool {
		return o.Service == r.Service && o.Protocol == r.Protocol && o.Domain == r.Domain && o.Target == r.Target
	}
	if slices.ContainsFunc(list, same) {
		return fmt.Errorf("there is an SRV record of _%s._%s to %q already; delete it first", r.Service, r.Protocol, r.Target)
	}
	n.DNS.Services = insert(list, c, r)
	return nil
}

func service(e Element) (r config.DNSService, err error) {
	lower := func(attr string) string { return strings.ToLower(strings.TrimSuffix(e.Attrs[attr], ".")) }
	r = config.DNSService{Service: lower("service"), Protocol: lower("protocol"), Domain: lower("domain"), Target: lower("target")}
	for attr, to := range map[string]*uint16{"port": &r.Port, "priority": &r.Priority, "weight": &r.Weight} {
		if e.Attrs[attr] == "" {
			continue
		}
		v, err := strconv.ParseUint(e.Attrs[attr], 10, 16)
		if err != nil {
			return r, fmt.Errorf("%s: %q is no number up to 65535", attr, e.Attrs[attr])
		}
		*to = uint16(v)
	}
	return r, nil
}

// agrees reports whether o has all that the element says, which r is.
func agrees(e Element, r, o config.DNSService) bool {
	same := map[string]bool{
		"service": r.Service == o.Service, "protocol": r.Protocol == o.Protocol, "domain": r.Domain == o.Domain, "target": r.Target == o.Target,
		"port": r.Port == o.Port, "priority": r.Priority == o.Priority, "weight": r.Weight == o.Weight,
	}
	for attr, text := range e.Attrs {
		if text != "" && !same[attr] {
			return false
		}
	}
	return len(e.Attrs) > 0
}

// portGroup does portgroup. Groups are kept in the definition, and not in force.
func portGroup(n *config.Network, c Command, e Element) error {
	name := e.Attrs["name"]
	if name == "" {
		return fmt.Errorf("a portgroup needs name")
	}
	at := slices.IndexFunc(n.Kept, func(text string) bool { return groupName(text) == name })
	if (c == Delete || c == Modify) && at < 0 {
		return fmt.Errorf("there is no portgroup %s", name)
	}
	if c == Delete {
		n.Kept = without(n.Kept, at)
		return nil
	}
	text, err := keptGroup(e)
	if err != nil {
		return err
	}
	switch {
	case c == Modify:
		n.Kept = slices.Clone(n.Kept)
		n.Kept[at] = text
	case at >= 0:
		return fmt.Errorf("there is a portgroup %s already; modify or delete it", name)
	default:
		n.Kept = insert(n.Kept, c, text)
	}
	return holds(n)
}

// keptGroup is a group as a definition keeps it.
func keptGroup(e Element) (string, error) {
	text := e.Text
	if text == "" { // given by attributes
		group := xml.StartElement{Name: xml.Name{Local: "portgroup"}}
		for _, attr := range []string{"name", "default", "trustGuestRxFilters"} {
			if v := e.Attrs[attr]; v != "" {
				group.Attr = append(group.Attr, xml.Attr{Name: xml.Name{Local: attr}, Value: v})
			}
		}
		var b strings.Builder
		out := xml.NewEncoder(&b)
		if err := out.EncodeElement("", group); err != nil {
			return "", err
		}
		text = b.String()
	}
	alone, _, err := config.ParseLibvirt("portgroup", []byte("<network><name>n</name><forward/><ip address='192.0.2.1' prefix='24'/>"+text+"</network>"))
	if err != nil {
		return "", err
	}
	if len(alone.Kept) != 1 {
		return "", fmt.Errorf("%d elements where there should be one portgroup", len(alone.Kept))
	}
	return alone.Kept[0], nil
}

// groupName is the name of a kept group, "" of other elements.
func groupName(text string) string {
	var g struct {
		XMLName xml.Name
		Name    string `xml:"name,attr"`
	}
	if xml.Unmarshal([]byte(text), &g) != nil || g.XMLName.Local != "portgroup" {
		return ""
	}
	return g.Name
}

// holds has what is kept judged together with the rest, as when it is read.
func holds(n *config.Network) error {
	doc, err := n.MarshalLibvirt()
	if err != nil {
		return err
	}
	whole, _, err := config.ParseLibvirt(n.Name+".xml", doc)
	if err == nil {
		n.Kept = whole.Kept
	}
	return err
}
