package dhcpd

// Verdict says what became of one request. Its names are counter labels.
type Verdict uint8

// The verdicts. Offer, Ack and Nak come with a reply; all others do not.
const (
	None            Verdict = iota // nothing was handled
	Offer                          // DHCPOFFER
	Ack                            // DHCPACK, to a REQUEST or an INFORM
	Nak                            // DHCPNAK
	Declined                       // DHCPDECLINE accepted, the address is quarantined
	Released                       // DHCPRELEASE accepted
	Malformed                      // not a DHCP message, or a field it needs is absent or out of shape
	Bootp                          // no message type (option 53): a BOOTP client
	NotARequest                    // a server's message
	UnsupportedType                // a message type outside RFC 2131
	BadHardware                    // not Ethernet, or an all-zero or group hardware address
	NotForUs                       // meant for another server
	ForeignRelay                   // relayed from outside the subnet
	ForeignSubnet                  // an INFORM from an address outside the subnet
	NotHolder                      // DECLINE or RELEASE of an address that the client does not hold
	PoolExhausted                  // no address to offer
	verdictCount
)

var verdictNames = [verdictCount]string{
	None:            "none",
	Offer:           "offer",
	Ack:             "ack",
	Nak:             "nak",
	Declined:        "declined",
	Released:        "released",
	Malformed:       "malformed",
	Bootp:           "bootp",
	NotARequest:     "not-a-request",
	UnsupportedType: "unsupported-type",
	BadHardware:     "bad-hardware",
	NotForUs:        "not-for-us",
	ForeignRelay:    "foreign-relay",
	ForeignSubnet:   "foreign-subnet",
	NotHolder:       "not-holder",
	PoolExhausted:   "pool-exhausted",
}

// String returns the verdict's name as it appears in metrics.
func (v Verdict) String() string {
	if v < verdictCount {
		return verdictNames[v]
	}
	return "unknown"
}

// Counters are totals since the engine was made.
type Counters struct {
	// Received counts well-formed requests by DHCP message type (RFC 2132
	// §9.6), so Received[1] is the number of DISCOVERs. Index 0 is unused.
	Received [9]uint64
	// Verdicts counts every request, indexed by Verdict.
	Verdicts [verdictCount]uint64
	// Clones counts requests whose client identifier was on lease to another
	// hardware address.
	Clones uint64
}
