package bench

import (
	"fmt"
	"strings"
	"time"

	"ubridge/bench/tool"
)

// ports measures what idle ports cost the others.
var ports = scenario{
	name: "ports", title: "One active pair among many ports", kind: switching, rounds: 3,
	note: "trafgen, one process, 64-byte frames, as fast as it can; all other ports are idle veths",
	metrics: []metric{
		{key: "kpps", title: "delivered, kpps", better: higher, chart: lineChart, axis: "ports", logX: true},
		{key: "cpu", title: "CPU time of the machine, s/million frames delivered", better: lower, digits: 2, chart: noChart},
		{key: "rings", title: "receive rings of the daemon, MiB", better: lower, digits: 1, chart: noChart, noRatio: true},
		{key: "pss", title: "Pss of the daemon, MiB", better: lower, digits: 1, chart: noChart, noRatio: true},
	},
	peers:   []*peer{named(switches, "bridge"), named(switches, "ubridge"), named(switches, "ubridge-kernel")},
	seconds: func(p plan) float64 { return 4*(p.seconds+1.6) + 4 },
	run:     runPorts,
}

var portSteps = []int{2, 16, 64, 256}

func runPorts(b *bed) {
	have := 2
	for _, n := range portSteps {
		if n > have {
			b.idlePorts(have-1, n-2)
			b.addIdle(have-1, n-2)
			have = n
		}
		b.sleep(ringPatience)
		f := b.flood(stream{macA, []int{60}})
		b.put("kpps", fmt.Sprint(n), f.kpps())
		b.put("cpu", fmt.Sprint(n), f.secondsPerMillion())
		if b.daemon != nil {
			rings, err := tool.ReadMapped(b.readFile(fmt.Sprintf("/proc/%d/maps", b.daemon.Pid())), "socket:[")
			b.check(err)
			b.put("rings", fmt.Sprint(n), float64(rings)/(1<<20))
			b.put("pss", fmt.Sprint(n), b.pss()/(1<<20))
		}
	}
}

// ringPatience is how long the daemon may take to fit its rings to the number of
// ports: it looks once in a second.
const ringPatience = 1200 * time.Millisecond

// pss is the daemon's memory in bytes.
func (b *bed) pss() float64 {
	bytes, err := tool.ReadPss(b.readFile(fmt.Sprintf("/proc/%d/smaps_rollup", b.daemon.Pid())))
	b.check(err)
	return float64(bytes)
}

// idlePorts makes devices i<first> to i<last> in mid, for ports on which nothing
// ever comes; their other ends are o<first> to o<last>.
func (b *bed) idlePorts(first, last int) {
	b.mid.Sysctl("net.ipv6.conf.default.disable_ipv6", "1") // its own chatter
	var batch strings.Builder
	for i := first; i <= last; i++ {
		fmt.Fprintf(&batch, "link add i%d type veth peer name o%d\nlink set i%d up\nlink set o%d up\n", i, i, i, i)
	}
	b.batch(batch.String())
}

// batch runs commands of ip in mid.
func (b *bed) batch(commands string) {
	path := b.lab.Dir() + "/batch"
	b.check(writeFile(path, commands))
	b.in(b.mid, "ip", "-batch", path)
}

// addIdle makes them ports.
func (b *bed) addIdle(first, last int) {
	if b.daemon == nil {
		var batch strings.Builder
		for i := first; i <= last; i++ {
			fmt.Fprintf(&batch, "link set i%d master br0\n", i)
		}
		b.batch(batch.String())
		return
	}
	b.in(b.mid, "sh", "-ec", fmt.Sprintf(`for i in $(seq %d %d); do "$0" --socket "$1" port add default i$i; done`, first, last), b.self, b.socket())
}
