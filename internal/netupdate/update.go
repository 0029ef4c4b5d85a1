package netupdate

import (
	"fmt"
	"slices"
	"strings"

	"ubridge/internal/config"
)

// Command is what is done with an element.
type Command string

// The commands of virsh net-update.
const (
	Add      Command = "add" // as add-last
	AddFirst Command = "add-first"
	AddLast  Command = "add-last"
	Delete   Command = "delete"
	Modify   Command = "modify"
)

// Commands are the words for them.
func Commands() []string {
	return []string{string(Add), string(AddFirst), string(AddLast), string(Delete), string(Modify)}
}

// Update is one change of one element.
type Update struct {
	Command Command
	Section string
	Element Element
}

// kind is a section: the element that it is made of and what the commands do.
type kind struct {
	section string
	element string   // in XML
	attrs   []string // that the element may have
	names   bool     // it has <hostname> children
	lease   bool     // it has a <lease> child, which is the attribute lease_time
	whole   bool     // it is kept as it is, with whatever is in it
	modify  bool     // elements can be modified, not only added and deleted
	apply   func(n *config.Network, c Command, e Element) error
}

var kinds = []kind{
	{section: "ip-dhcp-host", element: "host", attrs: []string{"mac", "ip", "name", "client_id", "lease_time"}, lease: true, modify: true, apply: dhcpHost},
	{section: "ip-dhcp-range", element: "range", attrs: []string{"start", "end"}, apply: dhcpRange},
	{section: "forward-interface", element: "interface", attrs: []string{"dev"}, apply: forwardInterface},
	{section: "portgroup", element: "portgroup", attrs: []string{"name", "default", "trustGuestRxFilters"}, whole: true, modify: true, apply: portGroup},
	{section: "dns-host", element: "host", attrs: []string{"ip"}, names: true, apply: dnsHost},
	{section: "dns-txt", element: "txt", attrs: []string{"name", "value"}, apply: dnsText},
	{section: "dns-srv", element: "srv", attrs: []string{"service", "protocol", "domain", "target", "port", "priority", "weight"}, apply: dnsService},
}

// Sections are the names of the sections.
func Sections() (names []string) {
	for _, k := range kinds {
		names = append(names, k.section)
	}
	return names
}

// elsewhere are sections of virsh that libvirt itself does not update.
var elsewhere = map[string]string{
	"bridge": "bridge", "domain": "domain", "ip": "address", "forward": "mode", "forward-pf": "",
}

func find(section string) (*kind, error) {
	if at := slices.IndexFunc(kinds, func(k kind) bool { return k.section == section }); at >= 0 {
		return &kinds[at], nil
	}
	if key, known := elsewhere[section]; known && key != "" {
		return nil, fmt.Errorf("section %s cannot be updated, as with libvirt: set %s by `ubridge net set` or `ubridge net edit`", section, key)
	}
	return nil, fmt.Errorf("there is no section %q to update; the sections are %s", section, strings.Join(Sections(), ", "))
}

// Apply gives the definition with the update made; n stays as it is.
func (u Update) Apply(n config.Network) (config.Network, error) {
	kind, err := find(u.Section)
	if err != nil {
		return n, err
	}
	switch {
	case !slices.Contains(Commands(), string(u.Command)):
		return n, fmt.Errorf("there is no command %q; the commands are %s", u.Command, strings.Join(Commands(), ", "))
	case u.Command == Modify && !kind.modify:
		return n, fmt.Errorf("elements of section %s cannot be modified, only added and deleted", u.Section)
	}
	next := n
	if err := kind.apply(&next, u.Command, u.Element); err != nil {
		return n, err
	}
	if err := next.Check(); err != nil {
		return n, err
	}
	return next, nil
}

// insert puts an element at the end of a list, or at its beginning.
func insert[T any](list []T, c Command, v T) []T {
	if c == AddFirst {
		return slices.Insert(slices.Clone(list), 0, v)
	}
	return append(slices.Clone(list), v)
}

// one is the place of the only element that a command means.
func one[T any](list []T, what string, means func(T) bool) (int, error) {
	first := slices.IndexFunc(list, means)
	switch {
	case first < 0:
		return 0, fmt.Errorf("there is no %s that matches", what)
	case slices.ContainsFunc(list[first+1:], means):
		return 0, fmt.Errorf("several of %s match: say more of the one", what)
	}
	return first, nil
}

// without is a list less one element.
func without[T any](list []T, at int) []T {
	list = slices.Delete(slices.Clone(list), at, at+1)
	if len(list) == 0 {
		return nil
	}
	return list
}
