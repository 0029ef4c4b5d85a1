// Package wire gives names to bytes: Ethernet, VLAN, IPv4, IPv6, TCP,
// UDP and ICMP headers as views over []byte, and Internet checksums.
//
// # Theory of operation
//
// A view is a []byte type whose accessors read and write fields in place; it
// neither copies nor allocates. Accessors trust the length: a caller first
// asks the Parse function of the layer (ParseIPv4, …), which checks every
// length that the accessors rely on and answers ok=false for a header that
// lies about itself. Nobody outside this package indexes raw offsets.
//
// # Checksums
//
// Sums are ones'-complement sums folded late (RFC 1071). A changed field is
// accounted for by its delta (RFC 1624, equation 3), never by summing again.
//
// # Standards
//
// IEEE 802.3 and 802.1Q framing; RFC 791 (IPv4); RFC 8200
// (IPv6); RFC 792 (ICMP); RFC 768 (UDP); RFC 9293 (TCP); RFC 1071 and RFC 1624
// (checksums).
package wire
