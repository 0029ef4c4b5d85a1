// Package ifupdown reads the bridges of /etc/network/interfaces.
//
// # Theory of operation
//
// The parser knows the file's lines (comments, continued lines), its stanzas and
// what it includes by source and source-directory. All stanzas of one interface
// are one bridge when an option of bridge-utils' says so; each of its options is
// carried into the definition, or into the stanza that the NIC should have
// instead, or it is noted. Scripts are noted, never run.
//
// # Standards
//
// interfaces(5) of ifupdown, bridge-utils-interfaces(5), and the spellings of
// ifupdown2 and ifupdown-ng (dashes, bridge-vlan-aware).
package ifupdown
