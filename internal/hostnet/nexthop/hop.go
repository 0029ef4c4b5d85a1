package nexthop

import (
	"net/netip"
)

// Kind says what is to be done with a packet to a destination.
type Kind uint8

const (
	// Forward sends it out by the hop's device.
	Forward Kind = iota
	// Local is the host itself.
	Local
	// Broadcast is a broadcast address of one of the host's networks.
	Broadcast
	// Multicast is a group.
	Multicast
	// Virtual is a network that exists on this host only, such as docker's, and
	// is not in the list of allowed ones.
	Virtual
	// NoRoute has no route, an unreachable one, or the host no address for it.
	NoRoute
	// Prohibited has a prohibit route.
	Prohibited
	// Blackholed has a blackhole route: drop without a word.
	Blackholed
	// NoNeighbour has a route whose next hop does not answer.
	NoNeighbour
)

var kindNames = [...]string{
	Forward: "forward", Local: "local", Broadcast: "broadcast", Multicast: "multicast",
	Virtual: "virtual", NoRoute: "no-route", Prohibited: "prohibited",
	Blackholed: "blackholed", NoNeighbour: "no-neighbour",
}

// String gives the kind as a drop reason would spell it.
func (k Kind) String() string { return kindNames[k] }

// Hop is how to reach a destination. With a Kind other than Forward, Virtual
// and NoNeighbour only Kind is set.
type Hop struct {
	Kind    Kind
	Ifindex int
	Name    string
	Virtual bool       // leads to a network of this host only, allowed by Egress or not
	L3      bool       // the device has no Ethernet header: no MACs
	Source  netip.Addr // the host's address for this route, IPv4
	Next    netip.Addr // whose MAC is MAC: gateway or destination; IPv6 by RFC 5549
	MAC     [6]byte    // of Next
	SrcMAC  [6]byte    // of the device
	MTU     int        // bytes of IP packet, the lesser of link and route
}

// neighbour returns the key of the hop's entry in the neighbour table.
func (h Hop) neighbour() neighbour { return neighbour{h.Ifindex, h.Next} }
