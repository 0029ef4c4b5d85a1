package dnsfwd

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// answerLocal answers what the network itself knows. key begins with the
// folded name. The result is nil where the question is not ours.
func (f *Forwarder) answerLocal(q *query, c Client, key []byte) []byte {
	if q.qclass() != dns.ClassINET {
		return nil
	}
	name := key[:len(q.name())]
	addrs, host := f.hosts.addrs[string(name)]
	records, exists := f.records[string(name)]
	if host || asksFor(q, records) {
		b := f.appendAddrs(q.begin(flagAA|flagRA), q, addrs)
		return q.finish(c, f.appendRecords(b, q, records))
	}
	if r, ok := parseReverse(name); ok {
		return f.answerReverse(q, c, &r)
	}
	if f.cfg.LocalOnly && f.domain != "" && hasZone(name, f.domain) {
		return q.finish(c, q.begin(flagAA|flagRA|absent(len(name) > len(f.domain) && !exists)))
	}
	if f.cfg.PlainLocal && plain(name) {
		return q.finish(c, q.begin(flagAA|flagRA|absent(!exists)))
	}
	return nil
}

// absent returns the code of a name that holds nothing: NXDOMAIN, or NOERROR
// where names exist below it (RFC 8020). No SOA goes with it, so that no
// client remembers the absence of a guest that may be starting.
func absent(nothingBelow bool) uint16 {
	if nothingBelow {
		return dns.RcodeNameError
	}
	return dns.RcodeSuccess
}

func (f *Forwarder) answerReverse(q *query, c Client, r *reverseName) []byte {
	if name, ok := f.hosts.names[r.addr]; ok && r.host() {
		b := q.begin(flagAA | flagRA)
		if q.qtype() == dns.TypePTR || q.qtype() == dns.TypeANY {
			b = f.appendRecord(b, dns.TypePTR, name)
		}
		return q.finish(c, b)
	}
	if !f.ownSubnet(r) {
		return nil
	}
	return q.finish(c, q.begin(flagAA|flagRA|absent(r.extra > 0 || r.host())))
}

func (f *Forwarder) ownSubnet(r *reverseName) bool {
	for _, s := range f.cfg.Subnets {
		if r.in(s) {
			return true
		}
	}
	return false
}

// appendAddrs appends the addresses that the question's type asks for.
func (f *Forwarder) appendAddrs(b []byte, q *query, addrs []netip.Addr) []byte {
	for _, a := range addrs {
		rtype := uint16(dns.TypeAAAA)
		if a.Is4() {
			rtype = dns.TypeA
		}
		if q.qtype() == rtype || q.qtype() == dns.TypeANY {
			b = f.appendRecord(b, rtype, a.AsSlice())
		}
	}
	return b
}

// appendRecord appends an answer record owned by the question's name.
func (f *Forwarder) appendRecord(b []byte, rtype uint16, data []byte) []byte {
	b = be.AppendUint16(b, 0xc000|headerLen)
	b = be.AppendUint16(b, rtype)
	b = be.AppendUint16(b, dns.ClassINET)
	b = be.AppendUint32(b, uint32(f.cfg.LocalTTL/time.Second))
	b = be.AppendUint16(b, uint16(len(data)))
	be.PutUint16(b[offAN:], be.Uint16(b[offAN:])+1)
	return append(b, data...)
}
