package tool_test

import (
	"strings"
	"testing"

	"ubridge/bench/tool"
)

// What the programs wrote on the reference machine, cut to what matters.
const (
	iperf3Out = `{"end":{"sum_sent":{"bits_per_second":2.6e9,"retransmits":7},"sum_received":{"bytes":312500000,"bits_per_second":2.5e9},"sender_tcp_congestion":"reno"}}`

	sockperfOut = `sockperf: [Total Run] RunTime=1.000 sec; Warm up time=400 msec; SentMessages=189961; ReceivedMessages=189960
sockperf: Summary: Round trip is 5.107 usec
sockperf: Total 107121 observations; each percentile contains 1071.21 observations
sockperf: ---> <MAX> observation =  751.245
sockperf: ---> percentile 99.999 =  249.535
sockperf: ---> percentile 99.990 =  101.877
sockperf: ---> percentile 99.900 =   45.520
sockperf: ---> percentile 99.000 =   30.827
sockperf: ---> percentile 90.000 =    4.869
sockperf: ---> percentile 50.000 =    4.526
sockperf: ---> <MIN> observation =    4.283
`
	trafgenOut = `     1 packets to schedule
    60 bytes in total
Running! Hang up with ^C!


     1260288 packets outgoing
    75617280 bytes outgoing
           0 sec, 979878 usec on CPU0 (1260288 packets)
`
	procStat = "cpu  100 2 300 5000 60 7 80 9 1 0\ncpu0 50 1 150 2500 30 3 40 4 0 0\n"
	netDev   = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0: 76191576 1269857    0 1269843    0     0          0         0      426       5    0    3    0     0       0          0
`
	ethtool = "Features for eth0:\nrx-checksumming: on\ntx-checksumming: off [requested on]\nrx-vlan-filter: off [fixed]\ntcp-segmentation-offload: on\n"
)

func TestIperf3(t *testing.T) {
	got, err := tool.ReadIperf3([]byte(iperf3Out))
	if want := (tool.Bulk{Gbps: 2.5, Bytes: 312500000, Retransmits: 7, Congestion: "reno"}); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	for _, out := range []string{`{"error":"unable to connect"}`, `{}`, `unable to connect`} {
		if _, err := tool.ReadIperf3([]byte(out)); err == nil || len(out) > 10 && !strings.Contains(err.Error(), "unable to connect") {
			t.Errorf("%s gives %v", out, err)
		}
	}
}

func TestSockperf(t *testing.T) {
	got, err := tool.ReadSockperf([]byte(sockperfOut))
	if want := (tool.RoundTrips{Count: 107121, P50: 4.526, P99: 30.827, P999: 45.520}); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := tool.ReadSockperf([]byte("No valid observations found")); err == nil {
		t.Error("no observations are taken for some")
	}
}

func TestTrafgen(t *testing.T) {
	if got, err := tool.ReadTrafgen([]byte(trafgenOut)); err != nil || got != 1260288 {
		t.Errorf("%d %v", got, err)
	}
	if _, err := tool.ReadTrafgen([]byte("Failed to open eth0")); err == nil {
		t.Error("a failure is taken for a count")
	}
}

func TestProcStat(t *testing.T) {
	got, err := tool.ReadProcStat([]byte(procStat))
	want := tool.Processor{Busy: 489, Idle: 5060, Steal: 9}
	if err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	if used := got.Since(tool.Processor{Busy: 100, Idle: 5061}); used.Busy.Seconds() != 3.89 || used.Idle != 0 {
		t.Errorf("%+v", used)
	}
	if _, err := tool.ReadProcStat([]byte("cpu 1 2 3")); err == nil {
		t.Error("three times are enough")
	}
}

func TestStealShare(t *testing.T) {
	p := tool.Processor{Busy: 300, Idle: 600, Steal: 100}
	if p.StealShare() != 0.1 || (tool.Processor{}).StealShare() != 0 {
		t.Errorf("%v", p.StealShare())
	}
}

func TestNetDev(t *testing.T) {
	got, err := tool.ReadNetDev([]byte(netDev), "eth0")
	want := tool.Device{RxBytes: 76191576, RxFrames: 1269857, RxDropped: 1269843, TxBytes: 426, TxFrames: 5, TxDropped: 3}
	if err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := tool.ReadNetDev([]byte(netDev), "eth"); err == nil {
		t.Error("a device that is not there has counters")
	}
}

func TestOffloads(t *testing.T) {
	got := tool.ReadOffloads([]byte(ethtool))
	if len(got) != 3 || got["tx-checksumming"] != "off" || got["rx-checksumming"] != "on" {
		t.Errorf("%v", got)
	}
}
