// Package traffic is what the benchmark generates and checks by itself: frames
// with a number and a checksum, at an exact rate; the sinks that check them; a
// file with its hash; and a short round-trip test.
//
// # Theory of operation
//
// A numbered frame holds, behind the Ethernet header, its number, a CRC-32C and
// bytes that follow from the number (payload.go). Its EtherType is 0x88B5,
// which IEEE 802 keeps for local experiments: no stack answers it. A Checker
// takes what arrives and counts what must not be: wrong bytes, a number twice,
// a number lower than the one before it from the same sender. Numbers that are
// left out are losses.
//
// Other frames than numbered ones are a template that a Vary makes different for
// each number: a flow or a station of its own (vary.go).
//
// A Sender hands bursts of frames to a packet socket by sendmmsg: as many as
// are due by now, so that the average is exact and a burst is short. A Sink is a
// packet socket with a classic BPF filter on the low bits of the number, so that
// the kernel drops all but a sample before it costs anything. FromTrafgen makes
// a Checker for trafgen's frames, whose number is a TCP sequence number and whose
// checksum is TCP's.
//
// Sockets are made in whatever namespace the calling thread is in (testnet's
// NS.Do) and belong to it for good.
//
// # Concurrency
//
// A Sender and a Sink belong to one goroutine each. Sink.Stop may be called from
// another; the Checker is read after it.
//
// # Standards
//
// IEEE 802-2014 §9.2.2 (local experimental EtherTypes); RFC 3720 appendix B.4
// (CRC-32C); RFC 9293 §3.1 (TCP's checksum); RFC 768 and RFC
// 1071 (UDP's).
package traffic
