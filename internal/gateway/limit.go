package gateway

import (
	"time"

	"ubridge/dataplane"
)

// bucket is a token bucket: errors per second with a burst of as many, as RFC
// 1812 §4.3.2.8 recommends for ICMP.
type bucket struct {
	tokens float64
	last   dataplane.Time
}

const (
	icmpRate  = 100 // ICMP errors per second and network
	icmpBurst = 200 // room for two parallel traceroutes of 64 probes each
)

// take reports whether another error may be sent now.
func (b *bucket) take(now dataplane.Time) bool {
	if b.last == 0 {
		b.tokens = icmpBurst
	}
	b.tokens = min(icmpBurst, b.tokens+time.Duration(now-b.last).Seconds()*icmpRate)
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
