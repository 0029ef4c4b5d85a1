package frame

// Reason says why a frame was not forwarded. Its name is the drop's label in
// `port list`, metrics and traces. The zero value is no drop.
type Reason uint8

// Reasons for a drop, in the order of the pipeline.
const (
	Forwarded Reason = iota // not dropped

	// Receive.
	Runt       // shorter than an Ethernet header
	BadOffload // vnet header that lies about the frame
	RingFull   // the kernel found the port's receive ring full
	RxCut      // the kernel cut the frame: the socket's buffer was full
	NoBuffer   // the worker's arena was used up

	// Switch.
	BadSourceMAC // source is a group address or zero, which no station has
	OwnSource    // sent by a station with the network's own address
	Reserved     // to 01:80:C2:00:00:0X or Cisco's PVST group, which a bridge does not forward
	SamePort     // the destination is behind the port it came from
	Loop         // flooded frame of a port that is held since it is one end of a loop, or one that came back by it
	PortGroup    // the destination is behind a port of the same split-horizon group
	NoPort       // nobody to send to
	ForeignTag   // VLAN-tagged frame to the router, which is on no VLAN
	RouterBusy   // more frames for the router than may wait for the worker that runs it

	// Router, from a guest.
	BadIP           // IPv4 header malformed or with a wrong checksum
	BadTransport    // TCP, UDP or ICMP header malformed
	BadSource       // source address outside the network; from the host, none of its own
	SourceRoute     // source-routed (LSRR, SSRR): would lead around the rules
	NotRouted       // neither IPv4 nor ARP: the router does not carry it
	LocalScope      // multicast, broadcast or link-local destination: never translated
	OwnSubnet       // to another station of the same network through the router
	TTLExceeded     // last hop
	NoRoute         // the host has no route to the destination
	Refused         // to a network that is virtual on this host and not in egress
	NeighbourFailed // the next hop did not answer
	NextHopWait     // more frames than may wait for a next hop
	NeedsFrag       // longer than the egress MTU and not to be fragmented
	UplinkDown      // no port on the egress device

	// NAT.
	UnsupportedProto // neither TCP, UDP nor ICMP echo
	NoMapping        // from outside, for no mapping
	Filtered         // from outside, from a remote that the guest did not address
	BadState         // TCP segment that opens no connection
	PortsUsedUp      // no outside port left
	SessionsUsedUp   // no session slot left
	GuestLimit       // this guest holds its share of ports or sessions
	FragmentMemory   // too many fragments wait for their first one
	FragmentTimeout  // the first fragment never came
	BadFragment      // overlapping or impossible fragment

	// Services.
	ServiceBusy // DHCP or DNS queue full
	BadService  // not a DHCP or DNS message

	// Transmit.
	TooBig     // longer than the egress MTU
	QueueFull  // the queue behind the port was full
	PortDown   // device down or gone
	SendFailed // refused by the kernel for another reason
	BadSegment // a superframe that software could not cut

	NumReasons // the number of reasons
)

var reasonNames = [NumReasons]string{
	Forwarded: "forwarded",
	Runt:      "runt", BadOffload: "bad-offload", RingFull: "ring-full", RxCut: "rx-cut", NoBuffer: "no-buffer",
	BadSourceMAC: "bad-source-mac", OwnSource: "own-source", Reserved: "reserved", SamePort: "same-port", Loop: "loop", PortGroup: "port-group", NoPort: "no-port", ForeignTag: "foreign-tag", RouterBusy: "router-busy",
	BadIP: "bad-ip", BadTransport: "bad-transport", BadSource: "bad-source", SourceRoute: "source-route", NotRouted: "not-routed",
	LocalScope: "local-scope", OwnSubnet: "own-subnet", TTLExceeded: "ttl-exceeded", NoRoute: "no-route",
	Refused: "refused", NeighbourFailed: "neighbour-failed", NextHopWait: "next-hop-wait",
	NeedsFrag: "needs-frag", UplinkDown: "uplink-down",
	UnsupportedProto: "unsupported-proto", NoMapping: "no-mapping", Filtered: "filtered", BadState: "bad-state",
	PortsUsedUp: "ports-used-up", SessionsUsedUp: "sessions-used-up", GuestLimit: "guest-limit",
	FragmentMemory: "fragment-memory", FragmentTimeout: "fragment-timeout", BadFragment: "bad-fragment",
	ServiceBusy: "service-busy", BadService: "bad-service",
	TooBig: "too-big", QueueFull: "queue-full", PortDown: "port-down", SendFailed: "send-failed", BadSegment: "bad-segment",
}

// String is the reason's name, as `port list` shows it.
func (r Reason) String() string {
	if r < NumReasons {
		return reasonNames[r]
	}
	return "unknown"
}

// Drops counts dropped frames by reason. It has one writer.
type Drops [NumReasons]uint64
