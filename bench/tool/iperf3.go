package tool

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Bulk is the result of one run of iperf3.
type Bulk struct {
	Gbps        float64 // received, 10⁹ bit/s
	Bytes       float64 // received
	Retransmits float64 // of all streams
	Congestion  string  // the congestion control that the sender used
}

// iperf3 is what is read of its JSON.
type iperf3 struct {
	Error string `json:"error"`
	End   struct {
		Received struct {
			Rate  float64 `json:"bits_per_second"`
			Bytes float64 `json:"bytes"`
		} `json:"sum_received"`
		Sent struct {
			Retransmits float64 `json:"retransmits"`
		} `json:"sum_sent"`
		Congestion string `json:"sender_tcp_congestion"`
	} `json:"end"`
}

// ReadIperf3 reads the output of "iperf3 -c … -J".
func ReadIperf3(out []byte) (Bulk, error) {
	var v iperf3
	if err := json.Unmarshal(out, &v); err != nil {
		return Bulk{}, fmt.Errorf("iperf3: %w in: %s", err, start(out))
	}
	if v.Error != "" {
		return Bulk{}, errors.New("iperf3: " + v.Error)
	}
	rate := v.End.Received.Rate
	if !(rate > 0) || math.IsInf(rate, 0) {
		return Bulk{}, fmt.Errorf("iperf3 has received nothing: %s", start(out))
	}
	return Bulk{rate / 1e9, v.End.Received.Bytes, v.End.Sent.Retransmits, v.End.Congestion}, nil
}

// start is the beginning of an output, to be quoted.
func start(out []byte) string {
	const enough = 400
	if len(out) > enough {
		return string(out[:enough]) + "…"
	}
	return string(out)
}
