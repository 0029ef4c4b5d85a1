package dnsfwd

import (
	"time"

	"github.com/miekg/dns"
)

// settleTTLs brings a message's TTLs into the range that is believed and
// returns how long it may be kept; 0 is not at all.
func settleTTLs(m *dns.Msg, qtype uint16) time.Duration {
	least := clampTTLs(m)
	if m.Truncated || (m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError) {
		return 0
	}
	if m.Rcode == dns.RcodeSuccess && hasType(m.Answer, qtype) {
		return seconds(least)
	}
	return seconds(min(least, negativeTTL(m)))
}

// clampTTLs limits every TTL and returns the least. A TTL with the upper bit
// set counts as 0 (RFC 2181 §8).
func clampTTLs(m *dns.Msg) uint32 {
	least := uint32(maxTTL / time.Second)
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			h := rr.Header()
			if h.Ttl > 1<<31-1 {
				h.Ttl = 0
			}
			h.Ttl = min(h.Ttl, uint32(maxTTL/time.Second))
			least = min(least, h.Ttl)
		}
	}
	return least
}

// negativeTTL returns how long the absence of data may be believed: the lesser
// of the SOA's TTL and MINIMUM (RFC 2308 §5), which also becomes the SOA's
// TTL. Without an SOA it is 0.
func negativeTTL(m *dns.Msg) uint32 {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl, uint32(maxNegativeTTL/time.Second))
			return soa.Hdr.Ttl
		}
	}
	return 0
}

func hasType(rrs []dns.RR, rtype uint16) bool {
	for _, rr := range rrs {
		if rr.Header().Rrtype == rtype {
			return true
		}
	}
	return false
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }
