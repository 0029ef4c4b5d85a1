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
// TOML 1.0; names of hosts after RFC 1123 §2.1; IFNAMSIZ and the characters of
// device names after dev_valid_name in the kernel's net/core/dev.c; ageing
// after IEEE 802.1Q-2018 table 8-8.
package config
