// Package segment does in software what a frame's sender left to the receiver,
// for a port that cannot: it cuts superframes into segments and finishes
// checksums.
//
// # Theory of operation
//
// The same frame may go to several ports, some of which take it as it is, so
// nothing is done in place: a Cutter reads the frame and puts copies into a
// batch of its caller's. A superframe may have more segments than a batch has
// frames, so the cutter remembers where it is, and the caller sends and resets
// the batch between two calls:
//
//	c.Start(f, caps)
//	for done := false; !done; { out.Reset(); done, reason = c.Next(&out); send(&out) }
//
// Segments are packed behind one another into arena buffers, each with its own
// headroom.
//
// Every segment repeats the headers of the superframe, with these changes, which
// are those of the Linux kernel (net/ipv4/tcp_offload.c, udp_offload.c,
// af_inet.c and ip6_offload.c): the IP length, the IPv4 identification, which
// counts up, and header checksum; the UDP length; the TCP sequence number; FIN
// and PSH stay on the last segment only, CWR on the first only (RFC 3168
// §6.1.2). The transport checksum field of a superframe holds the sum of the
// pseudo-header; it is corrected by the difference in length, not made anew,
// since behind an IPv6 routing header only the sender knows the final
// destination.
//
// Superframes come from guests and are not believed: the headers must be those
// of the declared kind, be where the checksum's start says, and the number of
// segments is bounded. Whether segments fit the egress MTU is the caller's to
// ask beforehand.
//
// # Concurrency
//
// A Cutter belongs to one worker and is valid as long as the frame that it was
// started on.
package segment
