package plan

import (
	"slices"

	"ubridge/internal/config"
)

// When says when a step takes effect.
type When uint8

// The moments.
const (
	Now     When = iota // at once, while guests are attached
	Restart             // when the network is started again: `ubridge net restart`
	Daemon              // when the daemon is started again
)

// Part is a part of a running network that is changed as a whole.
type Part uint8

// The parts, in the order in which they are changed.
const (
	Leases    Part = iota // DHCP
	Names                 // names of the network's own
	Resolvers             // whom DNS asks
	Stations              // the forwarding database
	Link                  // MTU
	Way                   // where guests' packets may go: egress and uplink
	Horizon               // whether guests reach one another
	Members               // ports
	numParts
)

// String names the part in messages.
func (p Part) String() string {
	return [numParts]string{"dhcp", "dns", "resolvers", "fdb", "mtu", "way out", "isolation", "ports"}[p]
}

// Step is one key of a definition that changes.
type Step struct {
	Key      string   // as in the file: "dhcp.lease_time"
	From, To []string // what it says; of a list, its elements; empty: nothing
	When     When
	Note     string // what is to be known of the effect; may be empty
	parts    []Part
}

// Undo is the step back.
func (s Step) Undo() Step {
	s.From, s.To = s.To, s.From
	return s
}

// Lines are what the step takes away, each with a '-' before it, and what it
// adds, with a '+'.
func (s Step) Lines() (lines []string) {
	for _, v := range s.From {
		if !slices.Contains(s.To, v) {
			lines = append(lines, "- "+v)
		}
	}
	for _, v := range s.To {
		if !slices.Contains(s.From, v) {
			lines = append(lines, "+ "+v)
		}
	}
	if lines == nil { // a list in another order
		lines = append(lines, "~ "+"another order")
	}
	return lines
}

// live are the keys that change while guests are attached.
var live = map[string]struct {
	parts []Part
	note  string
}{
	"autostart":             {nil, ""},
	"uuid":                  {nil, ""}, // it names the network and does nothing
	"libvirt.kept":          {nil, "it is kept, and not in force"},
	"domain":                {[]Part{Leases, Names}, "guests are told with their next lease"},
	"isolated_ports":        {[]Part{Horizon}, ""},
	"uplink":                {[]Part{Way}, "connections that are open go on by the device that they began with, or end"},
	"mtu":                   {[]Part{Leases, Link}, "guests are told with their next lease; devices that ubridge did not make keep theirs"},
	"ageing":                {[]Part{Stations}, ""},
	"learn_limit":           {[]Part{Stations}, ""},
	"ports":                 {[]Part{Members}, "a device that is left out stays a port until `ubridge port del`"},
	"adopt":                 {nil, "devices that were adopted stay ports"},
	"adopt_macs":            {nil, "devices that were adopted stay ports"},
	"dhcp.ranges":           {[]Part{Leases}, ""},
	"dhcp.boot_file":        {[]Part{Leases}, ""},
	"dhcp.boot_server":      {[]Part{Leases}, ""},
	"dhcp.lease_time":       {[]Part{Leases}, "leases keep their time until they are renewed"},
	"dhcp.reserved_only":    {[]Part{Leases}, ""},
	"dhcp.hosts":            {[]Part{Leases}, "a guest moves to an address reserved for it when it renews its lease"},
	"dns.upstreams":         {[]Part{Names, Resolvers}, ""}, // an isolated network without any asks nobody
	"dns.local_only":        {[]Part{Names}, ""},
	"dns.hosts":             {[]Part{Names}, ""},
	"dns.local_plain_names": {[]Part{Names}, ""},
	"dns.domains":           {[]Part{Names}, ""},
	"dns.txt":               {[]Part{Names}, ""},
	"dns.srv":               {[]Part{Names}, ""},
	"nat.egress":            {[]Part{Way}, ""},
}

// Diff is the steps from one definition to another of the same network, in the
// order of the file.
func Diff(from, to config.Network) (steps []Step) {
	of := to.Keys()
	for i, k := range from.Keys() {
		if slices.Equal(k.Values, of[i].Values) {
			continue
		}
		s := Step{Key: k.Name, From: k.Values, To: of[i].Values, When: Restart}
		if how, now := live[k.Name]; now {
			s.When, s.Note, s.parts = Now, how.note, how.parts
		}
		switch {
		case k.Name == "nat.ports": // one pool serves all networks
			s.When = Daemon
		case k.Name == "uplink" && !to.Routed(): // it is the NIC of the network
			s.When, s.Note, s.parts = Restart, "", nil
		}
		steps = append(steps, s)
	}
	return together(steps)
}

// together has everything wait that is written for another mode or subnet.
func together(steps []Step) []Step {
	other := func(s Step) bool { return s.Key == "mode" || s.Key == "address" }
	if !slices.ContainsFunc(steps, other) {
		return steps
	}
	for i := range steps {
		if len(steps[i].parts) > 0 {
			steps[i].When, steps[i].parts = Restart, nil
			steps[i].Note = "it is written for the new mode or address"
		}
	}
	return steps
}

// Live is the definition that a running network has once the live ones of the
// steps from it to another are taken.
func Live(from, to config.Network, steps []Step) (config.Network, error) {
	var keys []string
	for _, s := range steps {
		if s.When == Now {
			keys = append(keys, s.Key)
		}
	}
	return from.Take(to, keys...)
}

// Parts are the parts that the live ones of the steps concern, in order.
func Parts(steps []Step) (parts []Part) {
	for p := range numParts {
		if slices.ContainsFunc(steps, func(s Step) bool { return s.When == Now && slices.Contains(s.parts, p) }) {
			parts = append(parts, p)
		}
	}
	return parts
}
