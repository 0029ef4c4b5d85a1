package gateway

import (
	"time"

	"ubridge/dataplane"
)

// bucket is a token bucket: events per second with a burst, as RFC 1812
// §4.3.2.8 recommends for ICMP errors. The zero value is full.
type bucket struct {
	tokens float64
	last   dataplane.Time
}

// rate is what a bucket allows.
type rate struct{ perSecond, burst float64 }

// take reports whether another event may happen now.
func (b *bucket) take(now dataplane.Time, r rate) bool {
	if b.last == 0 {
		b.tokens = r.burst
	}
	b.tokens = min(r.burst, b.tokens+time.Duration(now-b.last).Seconds()*r.perSecond)
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// buckets are token buckets by the port that a frame came in on: what one guest
// causes too much of costs the others nothing.
type buckets []bucket

// take is bucket.take for a port; frames of no port are not limited.
func (b *buckets) take(now dataplane.Time, in dataplane.PortID, r rate) bool {
	if in == dataplane.NoPort {
		return true
	}
	for len(*b) <= int(in) {
		*b = append(*b, bucket{})
	}
	return (*b)[in].take(now, r)
}
