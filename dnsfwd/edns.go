package dnsfwd

import "github.com/miekg/dns"

// optLen is the size of an OPT record without options (RFC 6891 §6.1.2).
const optLen = 11

// flagDO is the DNSSEC OK bit within the 16 flags of an OPT record (RFC 3225).
const flagDO = 1 << 15

// appendOPT appends an OPT record; rcode holds the upper bits of an extended
// response code.
func appendOPT(b []byte, do bool, rcode uint8, options []byte) []byte {
	b = append(b, 0)
	b = be.AppendUint16(b, dns.TypeOPT)
	b = be.AppendUint16(b, maxUDPSize)
	b = append(b, rcode, 0)
	var flags uint16
	if do {
		flags = flagDO
	}
	b = be.AppendUint16(b, flags)
	b = be.AppendUint16(b, uint16(len(options)))
	return append(b, options...)
}

// passOptions returns a copy of the options that may travel on. Cookies
// (RFC 7873), TCP keepalive (RFC 7828) and padding (RFC 7830) are between
// neighbours and end here.
func passOptions(options []byte) ([]byte, error) {
	var pass []byte
	for len(options) > 0 {
		if len(options) < 4 {
			return nil, errWire
		}
		size := 4 + int(be.Uint16(options[2:]))
		if size > len(options) {
			return nil, errWire
		}
		switch be.Uint16(options) {
		case dns.EDNS0COOKIE, dns.EDNS0TCPKEEPALIVE, dns.EDNS0PADDING:
		default:
			pass = append(pass, options[:size]...)
		}
		options = options[size:]
	}
	return pass, nil
}
