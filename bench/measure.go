package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"ubridge/internal/testnet"
)

// peer is one thing to put between the endpoints.
type peer struct {
	name  string
	build func(*bed)
}

// scenario compares peers; the first one is what the others are compared with.
type scenario struct {
	name  string
	note  string
	peers []peer
}

// bed is the endpoints of one measurement and the host between them.
type bed struct {
	lab                  *testnet.Lab
	client, host, server *testnet.NS
	target               string // address of the server as the client sees it
}

// sample is one measurement of iperf3.
type sample struct {
	gbps        float64
	retransmits float64
	cpu         float64 // busy fraction of the whole machine, 0 to 1
}

// measure runs the scenario's rounds and formats its table.
func (r *runner) measure(s scenario, o options) string {
	rows := make(map[string][]sample)
	for _, streams := range []int{1, 4} {
		for round := range o.rounds {
			for i := range s.peers {
				p := s.peers[(i+round)%len(s.peers)]
				fmt.Fprintf(os.Stderr, "%s: round %d of %d, %s, %d stream(s)\n", s.name, round+1, o.rounds, p.name, streams)
				key := fmt.Sprintf("%s/%d", p.name, streams)
				rows[key] = append(rows[key], r.once(p, streams, o.seconds))
			}
		}
	}
	return table(s, rows)
}

// once builds the bed around a peer and measures one TCP run.
func (r *runner) once(p peer, streams, seconds int) sample {
	defer r.clean()
	b := &bed{lab: testnet.New(r, "ubbench")}
	b.client, b.host, b.server = b.lab.NS("client"), b.lab.NS("host"), b.lab.NS("server")
	for _, n := range []*testnet.NS{b.client, b.host, b.server} {
		n.Unpaced()
	}
	p.build(b)
	listen := b.server.Start("iperf3", "-s", "-1", "--forceflush")
	listen.WaitFor("listening", 10*time.Second)
	idle, total := processor()
	out := b.client.Run("iperf3", "-c", b.target, "-t", strconv.Itoa(seconds), "-P", strconv.Itoa(streams), "-J")
	idleAfter, totalAfter := processor()
	s := parse(r, out)
	s.cpu = 1 - float64(idleAfter-idle)/float64(totalAfter-total)
	return s
}

// parse reads iperf3's JSON.
func parse(r *runner, out string) sample {
	var v struct {
		End struct {
			Received struct {
				Rate float64 `json:"bits_per_second"`
			} `json:"sum_received"`
			Sent struct {
				Retransmits float64 `json:"retransmits"`
			} `json:"sum_sent"`
		} `json:"end"`
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil || v.End.Received.Rate == 0 {
		r.Fatalf("iperf3 said: %v %s", err, out)
	}
	return sample{gbps: v.End.Received.Rate / 1e9, retransmits: v.End.Sent.Retransmits}
}

// processor is the machine's idle and total time in ticks.
func processor() (idle, total uint64) {
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(line)[1:9] { // guest time is in user time already
		v, _ := strconv.ParseUint(f, 10, 64)
		total += v
		if i == 3 || i == 4 { // idle, iowait
			idle += v
		}
	}
	return idle, total
}

// table formats medians, spreads and ratios as Markdown.
func table(s scenario, rows map[string][]sample) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s\n\n| streams | peer | Gb/s (quartiles) | ratio | retransmits | CPU of the machine |\n|---|---|---|---|---|---|\n", s.name, s.note)
	for _, streams := range []int{1, 4} {
		base := rows[fmt.Sprintf("%s/%d", s.peers[0].name, streams)]
		for _, p := range s.peers {
			got := rows[fmt.Sprintf("%s/%d", p.name, streams)]
			rate := column(got, func(x sample) float64 { return x.gbps })
			var ratios []float64
			for i := range got {
				ratios = append(ratios, got[i].gbps/base[i].gbps)
			}
			fmt.Fprintf(&b, "| %d | %s | %.1f (%.1f–%.1f) | %.2f | %.0f | %.0f %% |\n", streams, p.name,
				quantile(rate, 0.5), quantile(rate, 0.25), quantile(rate, 0.75), quantile(ratios, 0.5),
				quantile(column(got, func(x sample) float64 { return x.retransmits }), 0.5),
				100*quantile(column(got, func(x sample) float64 { return x.cpu }), 0.5))
		}
	}
	b.WriteString("\n")
	return b.String()
}

func column(list []sample, get func(sample) float64) (out []float64) {
	for _, x := range list {
		out = append(out, get(x))
	}
	return out
}

// quantile is the nearest-rank quantile q of v.
func quantile(v []float64, q float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[min(int(q*float64(len(v))), len(v)-1)]
}
