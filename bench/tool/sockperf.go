package tool

import (
	"fmt"
	"regexp"
	"strconv"
)

// RoundTrips are percentiles of a request/response run, in microseconds.
type RoundTrips struct {
	Count          int // round trips measured
	P50, P99, P999 float64
}

var (
	sockperfCount = regexp.MustCompile(`Total (\d+) observations`)
	sockperfLine  = regexp.MustCompile(`percentile (50|99|99\.9)(?:\.0+|0*) = +([0-9]+(?:\.[0-9]+)?)\n`)
)

// ReadSockperf reads the output of "sockperf ping-pong --full-rtt".
func ReadSockperf(out []byte) (RoundTrips, error) {
	var r RoundTrips
	if m := sockperfCount.FindSubmatch(out); m != nil {
		r.Count, _ = strconv.Atoi(string(m[1])) // an overflow leaves a large number
	}
	seen := 0
	for _, m := range sockperfLine.FindAllSubmatch(out, -1) {
		v, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return RoundTrips{}, fmt.Errorf("sockperf: %w", err)
		}
		if field := r.percentile(string(m[1])); *field == 0 {
			*field = v
			seen++
		}
	}
	if r.Count == 0 || seen < 3 {
		return RoundTrips{}, fmt.Errorf("sockperf has no percentiles: %s", start(out))
	}
	return r, nil
}

func (r *RoundTrips) percentile(name string) *float64 {
	switch name {
	case "50":
		return &r.P50
	case "99":
		return &r.P99
	}
	return &r.P999
}
