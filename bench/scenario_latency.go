package bench

import (
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"ubridge/bench/tool"
	"ubridge/bench/traffic"
	"ubridge/internal/testnet"
)

var roundTrips = scenario{
	name: "rtt", title: "TCP round trips", kind: switching, quick: true,
	note: "64-byte messages, whole round trips; awake: an idle-priority spinner on each CPU, so that none halts;\n" +
		"pinned: awake, with the endpoints' processes on different CPUs, for else it is chance where three processes on two CPUs meet;\n" +
		"bulk: beside one TCP stream. Quick mode has its own ping-pong, for sockperf sleeps two seconds before each test",
	without:     []string{"bridge-nooff", "ovs", "ovs-tap", "vde"}, // half an hour is short
	quickRounds: 2,
	metrics: []metric{
		{key: "p50", title: "p50, µs", better: lower, digits: 1, log: true},
		{key: "p99", title: "p99, µs", better: lower, digits: 1, log: true},
		{key: "p999", title: "p99.9, µs", better: lower, digits: 0, log: true},
	},
	seconds: func(p plan) float64 {
		if p.full {
			return 4 * (float64(p.whole()) + 2.6)
		}
		return 2 * (p.seconds + 0.3)
	},
	run: runRoundTrips,
}

func runRoundTrips(b *bed) {
	if b.plan.full {
		b.putRoundTrips("idle", b.roundTrips())
	}
	stop := b.keepAwake()
	b.putRoundTrips("awake", b.roundTrips())
	if b.plan.full && runtime.NumCPU() > 1 {
		b.pinned = true
		b.putRoundTrips("pinned", b.roundTrips())
		b.pinned = false
	}
	stop()
	stop = b.bulkBeside()
	b.putRoundTrips("bulk", b.roundTrips())
	stop()
}

func (b *bed) putRoundTrips(column string, r tool.RoundTrips) {
	b.put("p50", column, r.P50)
	b.put("p99", column, r.P99)
	b.put("p999", column, r.P999)
}

// keepAwake runs a spinner of idle priority on each CPU: what a wake-up of a
// halted virtual CPU costs is the hypervisor's, not the switch's.
func (b *bed) keepAwake() (stop func()) {
	var spinners []*testnet.Proc
	for cpu := range runtime.NumCPU() {
		spinners = append(spinners, b.launch(exec.Command("taskset", "-c", strconv.Itoa(cpu), "chrt", "--idle", "0", "sh", "-c", "while :; do :; done")))
	}
	return func() {
		for _, p := range spinners {
			end(p)
		}
	}
}

// bulkBeside keeps one TCP stream running from a to b.
func (b *bed) bulkBeside() (stop func()) {
	server := b.start(b.b, "iperf3", "-s", "-1", "--forceflush")
	server.WaitFor("listening", 10*time.Second)
	client := b.start(b.a, "iperf3", "-c", b.target, "-t", "60", "--forceflush")
	client.WaitFor("connected to", 10*time.Second)
	b.sleep(2 * settle)
	return func() {
		if !client.Running() {
			b.Fatalf("the bulk stream ended: %s", client.Output())
		}
		end(client)
		end(server)
	}
}

func (b *bed) roundTrips() tool.RoundTrips {
	if b.plan.full {
		return b.sockperf()
	}
	client, server := b.connection()
	times, err := traffic.RoundTrips(b.ctx, client, server, b.plan.duration(), b.pinned)
	b.check(err)
	if len(times) == 0 {
		b.Fatalf("no round trip within %v", b.plan.duration())
	}
	at := func(q float64) float64 {
		return float64(times[min(int(q*float64(len(times))), len(times)-1)].Nanoseconds()) / 1000
	}
	return tool.RoundTrips{Count: len(times), P50: at(0.5), P99: at(0.99), P999: at(0.999)}
}

// sockperfPort is the port of the latest sockperf server. Each has one of its own:
// that of one that was killed stays taken until its connections have timed out.
var sockperfPort = 11111

func (b *bed) sockperf() tool.RoundTrips {
	sockperfPort++
	port := strconv.Itoa(sockperfPort)
	server := b.start(b.b, b.pin(1, "sockperf", "server", "--tcp", "-p", port)...)
	defer end(server)
	server.WaitFor("Warmup stage", 10*time.Second)
	seconds := b.plan.whole()
	out := b.in(b.a, b.pin(0, "timeout", fmt.Sprint(seconds+30), "sockperf", "ping-pong", "--tcp", "--full-rtt",
		"-i", b.target, "-p", port, "-m", "64", "-t", strconv.Itoa(seconds))...)
	got, err := tool.ReadSockperf([]byte(out))
	b.check(err)
	return got
}

// pin puts a command on a CPU where the bed wants that.
func (b *bed) pin(cpu int, command ...string) []string {
	if !b.pinned {
		return command
	}
	return append([]string{"taskset", "-c", strconv.Itoa(cpu)}, command...)
}
