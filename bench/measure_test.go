package main

import (
	"strings"
	"testing"
)

func TestQuantiles(t *testing.T) {
	v := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.25: 2, 0.5: 3, 0.75: 4, 1: 5} {
		if got := quantile(v, q); got != want {
			t.Errorf("quantile %v of %v: %v, want %v", q, v, got, want)
		}
	}
}

// The ratio is the median of the ratios within rounds, not the ratio of the
// medians: a slow round hurts both peers alike.
func TestRatiosAreWithinRounds(t *testing.T) {
	s := scenario{name: "x", peers: []peer{{name: "a"}, {name: "b"}}}
	rows := map[string][]sample{}
	for _, streams := range []string{"/1", "/4"} {
		rows["a"+streams] = []sample{{gbps: 10}, {gbps: 2}, {gbps: 10}}
		rows["b"+streams] = []sample{{gbps: 5}, {gbps: 1}, {gbps: 5}}
	}
	out := table(s, rows)
	if n := strings.Count(out, "| 0.50 |"); n != 2 {
		t.Errorf("%d rows with the ratio 0.50, want 2:\n%s", n, out)
	}
	if n := strings.Count(out, "| 1.00 |"); n != 2 {
		t.Errorf("%d rows with the ratio 1.00, want 2:\n%s", n, out)
	}
}

func TestParseReadsIperf3(t *testing.T) {
	s := parse(&runner{}, `{"end":{"sum_sent":{"retransmits":7},"sum_received":{"bits_per_second":2.5e9}}}`)
	if s.gbps != 2.5 || s.retransmits != 7 {
		t.Errorf("%+v", s)
	}
	r := &runner{}
	err := func() (err error) {
		defer func() { err = r.finish(recover(), err) }()
		parse(r, `{"error":"unable to connect"}`)
		return nil
	}()
	if err == nil || !strings.Contains(err.Error(), "unable to connect") {
		t.Errorf("a failed measurement gives %v", err)
	}
}

func TestTheProcessorIsRead(t *testing.T) {
	idle, total := processor()
	if idle == 0 || total < idle {
		t.Errorf("idle %d of %d ticks", idle, total)
	}
}
