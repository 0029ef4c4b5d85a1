package tool_test

import (
	"math"
	"testing"

	"ubridge/bench/tool"
)

// A parser may refuse anything, but what it takes must be a figure.

func FuzzIperf3(f *testing.F) {
	f.Add([]byte(iperf3Out))
	f.Fuzz(func(t *testing.T, out []byte) {
		if got, err := tool.ReadIperf3(out); err == nil && !(got.Gbps > 0 && got.Gbps < math.MaxFloat64) {
			t.Errorf("%+v", got)
		}
	})
}

func FuzzSockperf(f *testing.F) {
	f.Add([]byte(sockperfOut))
	f.Fuzz(func(t *testing.T, out []byte) {
		if got, err := tool.ReadSockperf(out); err == nil && (got.Count <= 0 || got.P50 < 0 || got.P99 < 0 || got.P999 < 0) {
			t.Errorf("%+v", got)
		}
	})
}

func FuzzTrafgen(f *testing.F) {
	f.Add([]byte(trafgenOut))
	f.Fuzz(func(_ *testing.T, out []byte) { _, _ = tool.ReadTrafgen(out) })
}

func FuzzProcStat(f *testing.F) {
	f.Add([]byte(procStat))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, err := tool.ReadProcStat(text); err == nil && (got.Busy > 5<<48 || !(got.StealShare() >= 0 && got.StealShare() <= 1)) {
			t.Errorf("%+v", got)
		}
	})
}

func FuzzNetDev(f *testing.F) {
	f.Add([]byte(netDev), "eth0")
	f.Fuzz(func(_ *testing.T, text []byte, name string) { _, _ = tool.ReadNetDev(text, name) })
}

func FuzzOffloads(f *testing.F) {
	f.Add([]byte(ethtool))
	f.Fuzz(func(t *testing.T, out []byte) {
		for name, state := range tool.ReadOffloads(out) {
			if name == "" || state == "" {
				t.Errorf("%q: %q", name, state)
			}
		}
	})
}
