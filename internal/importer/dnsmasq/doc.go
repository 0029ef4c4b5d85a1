// Package dnsmasq reads the networks that a dnsmasq serves, from its
// configuration and its leases.
//
// # Theory of operation
//
// A dnsmasq.conf names no network: it has ranges of addresses, and the rest goes
// to whoever is in one. So each subnet of a dhcp-range becomes a network. What
// dnsmasq takes from the interface (address, netmask, name) comes from the bridges
// that other importers found, where they are given; else it is guessed, and the
// guess is noted. Reservations go to the network whose subnet holds their address.
// Every setting is carried, or noted with the reason; tags are not carried.
//
// # Standards
//
// dnsmasq(8) of 2.90. The lease file is read as leasefile writes it.
package dnsmasq
