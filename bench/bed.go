package bench

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"time"

	"ubridge/bench/tool"
	"ubridge/internal/testnet"
)

// The endpoints' addresses. Behind a switch they share a subnet, the one that
// ubridge's network "default" has; behind a translator, b is outside.
const (
	insideA    = "192.168.122.10"
	insideB    = "192.168.122.20"
	gateway    = "192.168.122.1"
	insideNet  = "192.168.122.0/24"
	outsideMid = "10.9.0.2"
	outsideB   = "10.9.0.1"
	prefix     = "/24"
	macA       = "52:54:00:be:0c:0a"
	macB       = "52:54:00:be:0c:0b"
)

// ends are the two endpoints, which stay for the whole run.
type ends struct {
	lab        *testnet.Lab
	a, b       *testnet.NS
	congestion string // control of TCP in every namespace
}

// bed is one peer between the endpoints, for one measurement.
type bed struct {
	*runner
	ctx        context.Context // ends when the run is interrupted, or at the measurement's hard limit
	plan       plan
	kind       kind
	peer       *peer
	lab        *testnet.Lab // of this bed: processes and mid are gone with it
	a, mid, b  *testnet.NS
	target     string // address of b as a sees it
	congestion string
	self       string // the binary that plays ubridge and the helpers
	daemon     *testnet.Proc
	runtime    string // the daemon's runtime directory
	pinned     bool   // the endpoints' processes of round trips run on a CPU each
	serverPid  int    // of what the scenario "start" has started
	config     string // of the daemon: ubridge.toml
	fastPath   string // of the daemon; empty: off
	network    string // its networks.d/default.toml, where it is not empty
	sink       sink
}

// sink takes what a scenario has measured.
type sink interface {
	put(metric, column string, value float64)
	bad(format string, args ...any)
	steal(share float64)
}

// newEnds makes the endpoints. IPv6 is off there: its own chatter would be
// counted as frames.
func newEnds(r *runner) *ends {
	e := &ends{lab: testnet.New(r, "bench")}
	e.a, e.b = e.lab.NS("a"), e.lab.NS("b")
	for _, n := range []*testnet.NS{e.a, e.b} {
		n.Sysctl("net.ipv6.conf.all.disable_ipv6", "1")
		n.Sysctl("net.ipv6.conf.default.disable_ipv6", "1")
		e.congestion = unpaced(n)
	}
	return e
}

// unpaced gives a namespace a congestion control that does not pace, before any
// socket is born there: cubic where the host allows it to others, else reno.
func unpaced(n *testnet.NS) string {
	const key = "net.ipv4.tcp_congestion_control"
	err := n.Do(func() error { return os.WriteFile("/proc/sys/net/ipv4/tcp_congestion_control", []byte("cubic"), 0o644) })
	if err != nil {
		n.Unpaced()
	}
	return n.GetSysctl(key)
}

// set builds the bed: a fresh mid with the peer in it.
func (b *bed) set() {
	b.lab = testnet.New(b, "benchbed")
	b.Cleanup(b.clear) // before the lab goes
	b.mid = b.lab.NS("mid")
	b.congestion = unpaced(b.mid)
	netfilterOff(b.mid)
	b.peer.build(b)
	b.prime()
}

// clear takes the endpoints' devices away at once: the kernel removes a
// namespace, and the veths that end in it, some time later.
func (b *bed) clear() {
	for _, n := range []*testnet.NS{b.a, b.b} {
		_, _ = n.Try("ip", "link", "del", "eth0") // a tap is gone with its process
		_, _ = n.Try("ip", "neigh", "flush", "all")
	}
}

// netfilterOff keeps bridged frames out of iptables, as a bridge without a
// firewall is: the host's default costs it up to 15 %.
func netfilterOff(n *testnet.NS) {
	if _, err := os.Stat("/proc/sys/net/bridge/bridge-nf-call-iptables"); err == nil {
		n.Sysctl("net.bridge.bridge-nf-call-iptables", "0")
		n.Sysctl("net.bridge.bridge-nf-call-ip6tables", "0")
		n.Sysctl("net.bridge.bridge-nf-call-arptables", "0")
	}
}

// veths gives a and b an eth0 whose other ends are pa and pb in mid.
func (b *bed) veths() {
	b.vethA()
	b.vethB()
	b.address()
}

func (b *bed) vethA() { b.lab.Veth(b.mid, "pa", b.a, "eth0") }
func (b *bed) vethB() { b.lab.Veth(b.mid, "pb", b.b, "eth0") }

// address gives both endpoints' eth0 their MAC and address in one subnet.
func (b *bed) address() {
	b.addressOf(b.a, macA, insideA)
	b.addressOf(b.b, macB, insideB)
	b.target = insideB
}

func (b *bed) addressOf(n *testnet.NS, mac, addr string) {
	n.Run("ip", "link", "set", "dev", "eth0", "address", mac, "mtu", "1500", "up")
	n.Addr("eth0", addr+prefix)
}

// prime lets everybody learn where the endpoints are, and proves that there is
// a way at all. Translators need not know ICMP.
func (b *bed) prime() {
	b.lab.Eventually(20*time.Second, "a reaches b through "+b.peer.name, func() error {
		b.checkContext()
		if b.kind == translating {
			return b.dials()
		}
		_, err := b.a.TryContext(b.ctx, "ping", "-c", "1", "-W", "1", b.target)
		return err
	})
}

// dials opens a TCP connection from a to b and closes it.
func (b *bed) dials() error {
	listener, err := b.listenTCP()
	if err != nil {
		return err
	}
	defer listener.Close()
	c, err := b.dialTCP(listener, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// checkContext gives the measurement up when it has been interrupted or has
// taken too long.
func (b *bed) checkContext() {
	if b.ctx.Err() != nil {
		b.Fatalf("%v", context.Cause(b.ctx))
	}
}

// in runs a command in a namespace and returns its output.
func (b *bed) in(n *testnet.NS, args ...string) string {
	out, err := n.TryContext(b.ctx, args...)
	b.check(err)
	return out
}

// start runs a command in the background, at most until the bed is removed.
func (b *bed) start(n *testnet.NS, args ...string) *testnet.Proc { return b.launch(n.Command(args...)) }

// launch is start in the namespace of the bench itself.
func (b *bed) launch(cmd *exec.Cmd) *testnet.Proc {
	p, err := b.lab.StartCmd(cmd)
	b.check(err)
	release := context.AfterFunc(b.ctx, func() { end(p) })
	b.Cleanup(func() { release(); end(p) })
	return p
}

// end kills a process and those that it has forked. Some generators ignore
// SIGTERM, and nothing in a bed has anything to save.
func end(p *testnet.Proc) {
	if p.Running() {
		_ = syscall.Kill(-p.Pid(), syscall.SIGKILL) // else it has just ended
		_ = p.Wait(endPatience)                     // the runner's watchdog tells of worse
	}
}

// endPatience is how long a killed process may take to be gone.
const endPatience = 5 * time.Second

// helper starts a role of this binary (see Help) in a namespace.
func (b *bed) helper(n *testnet.NS, args ...string) *testnet.Proc {
	return b.start(n, append([]string{b.self, HelperVerb}, args...)...)
}

// check gives the measurement up where there is an error.
func (b *bed) check(err error) {
	b.checkContext()
	if err != nil {
		b.Fatalf("%v", err)
	}
}

// sleep waits, unless the run is interrupted.
func (b *bed) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-b.ctx.Done():
		b.checkContext()
	}
}

// put hands over a value that was measured.
func (b *bed) put(metric, column string, value float64) { b.sink.put(metric, column, value) }

// bad says that the peer did something to frames that a network must not do.
func (b *bed) bad(format string, args ...any) { b.sink.bad(format, args...) }

// cpu runs fn and returns the processor time of the whole machine meanwhile.
func (b *bed) cpu(fn func()) tool.Processor {
	before := b.processor()
	fn()
	used := b.processor().Since(before)
	b.sink.steal(used.StealShare())
	return used
}

func (b *bed) processor() tool.Processor {
	text, err := os.ReadFile("/proc/stat")
	b.check(err)
	p, err := tool.ReadProcStat(text)
	b.check(err)
	return p
}

// counters are those of a device of a namespace.
func (b *bed) counters(n *testnet.NS, dev string) (d tool.Device) {
	b.check(n.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/dev")
		if err == nil {
			d, err = tool.ReadNetDev(text, dev)
		}
		return err
	}))
	return d
}
