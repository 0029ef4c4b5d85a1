// Package config reads what the user wrote and gives a checked model.
//
// # Theory of operation
//
// A file passes three stages. The strict decoder fills private raw structs that
// mirror the file and refuses every key that is not one of theirs. Conversion
// turns the raw strings into typed values: addresses, durations, ranges.
// Checking holds the typed values against each other: ranges against the
// subnet, reservations against one another, and, with CheckAll, networks
// against networks. All faults of a file are reported together, each with
// file, line, key, reason and the fix; lines come from a second walk over the
// syntax tree, since decoding loses them.
//
// There are two kinds of file. ubridge.toml configures the daemon (Daemon).
// networks.d/NAME.toml defines the network NAME (Network); the daemon keeps its
// own definitions in the same form, written by Marshal. A definition that is
// given to ParseNetwork and written by Marshal reads back as the same Network.
//
// A definition may also come in libvirt's form (ParseLibvirt) and be written in it
// (MarshalLibvirt). Its elements are read into the same raw struct as TOML, with
// the line and the name of the element that said each key, so that conversion and
// checks are the same for both. Parts that are kept without being in force stay
// with the Network as text (Kept). Keys that libvirt has no element for are found
// by writing what the elements can say, reading it back, and comparing; they go
// into an element of ubridge's own. Round trips are held by a property test.
//
// The package does not look at the host: which subnet is free, which bridge
// name is next and whether a device exists are the daemon's business.
//
// # Concurrency
//
// Nothing here is shared; every function may be called from any goroutine. A
// Network is a value whose slices nobody writes after parsing.
//
// # Standards
//
// TOML 1.0; libvirt's network format (see libvirtxml); names of hosts after RFC 1123 §2.1; IFNAMSIZ and the characters of
// device names after dev_valid_name in the kernel's net/core/dev.c; ageing
// after IEEE 802.1Q-2018 table 8-8.
package config
