package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// options are the command line.
type options struct {
	rounds  int
	seconds int
	only    string
	out     string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "wire" {
		exit(runWire(os.Args[2:]))
		return
	}
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "interleaved rounds")
	flag.IntVar(&o.seconds, "seconds", 3, "seconds per measurement")
	flag.StringVar(&o.only, "only", "", "run only scenarios whose name contains this")
	flag.StringVar(&o.out, "out", "", "write the tables to this file as well")
	flag.Parse()
	exit(run(o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures and prints.
func run(o options) (err error) {
	r := &runner{}
	defer func() { err = r.finish(recover(), err) }()
	var b strings.Builder
	fmt.Fprintf(&b, "%d rounds of %d s each, interleaved; medians. %s. TCP reno without pacing, MTU 1500, all offloads on, br_netfilter %s.\n\n",
		o.rounds, o.seconds, machine(), netfilterState())
	for _, s := range scenarios() {
		if strings.Contains(s.name, o.only) {
			b.WriteString(r.measure(s, o))
		}
	}
	fmt.Print(b.String())
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(b.String()), 0o644)
}

func machine() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("Linux %s, %d CPUs, %s", strings.TrimSpace(string(release)), runtime.NumCPU(), runtime.Version())
}

// netfilterState says whether bridged frames pass iptables, which costs the
// kernel bridge.
func netfilterState() string {
	b, err := os.ReadFile("/proc/sys/net/bridge/bridge-nf-call-iptables")
	if err != nil {
		return "absent"
	}
	return "off in the namespaces (" + strings.TrimSpace(string(b)) + " is this host's default)"
}
