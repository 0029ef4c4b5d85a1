package bridging

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// fast is a network on a shared NIC whose stations, two guests among them, the kernel
// knows.
type fast struct {
	*scene
	d        *lab.Daemon
	one, two *lab.Guest
}

// way is from a namespace to an address.
type way struct {
	name string
	from *testnet.NS
	to   string
}

func newFast(t *testing.T, prefix string, under ...string) *fast {
	t.Helper()
	f := &fast{scene: newScene(t, prefix)}
	f.d = f.Start(lab.Options{Args: []string{"--fastpath", "kernel"}, Prefix: under})
	f.create(f.d)
	f.one, f.two = f.d.JoinTo("lan", "one"), f.d.JoinTo("lan", "two")
	f.await()
	return f
}

// ways are all that the guests, the host and the LAN reach one another by.
func (f *fast) ways() []way {
	return []way{
		{"LAN to guest", f.station, f.one.Addr},
		{"guest to LAN", f.two.NS, stationAddr},
		{"host to guest", f.Host, f.two.Addr},
		{"guest to host", f.one.NS, lab.HostAddr},
		{"guest to guest", f.one.NS, f.two.Addr},
		{"host to LAN", f.Host, stationAddr},
	}
}

// await waits until the kernel forwards on every way without the daemon.
func (f *fast) await() {
	f.T.Helper()
	for _, w := range f.ways() {
		f.reach(w.from, w.to)
	}
	f.Eventually(patience, "all ports on the fast path", func() error {
		if info := f.d.Info("lan"); info.FastPath.Ports != 4 || info.FastPath.Off != "" {
			return fmt.Errorf("%+v", info.FastPath)
		}
		return nil
	})
	f.Eventually(patience, "ways that need no daemon", func() (err error) {
		f.away(func() {
			for _, w := range f.ways() {
				if out, failed := w.from.Try("ping", "-n", "-c", "1", "-W", "1", w.to); failed != nil {
					err = errors.Join(err, fmt.Errorf("%s: %s", w.name, out))
				}
			}
		})
		return err
	})
}

// away stops the daemon for as long as fn runs.
func (f *fast) away(fn func()) {
	f.d.Proc.Signal(syscall.SIGSTOP)
	defer f.d.Proc.Signal(syscall.SIGCONT)
	fn()
}

// TestTheKernelForwards between guests, host and LAN: a stopped daemon is the witness
// that user space sees none of it. What is sent is whole, nothing comes twice, and
// frames between host and guest stay off the wire.
func TestTheKernelForwards(t *testing.T) {
	t.Parallel()
	f := newFast(t, "brfast")
	for _, ns := range []*testnet.NS{f.Host, f.station, f.one.NS} {
		f.serveLoad(ns)
	}
	before := f.d.Ports()
	wire := f.Server.Capture("eth0", "host "+lab.HostAddr+" and host "+f.one.Addr)
	f.away(func() { f.works("stopped") })
	if wire.Stop(); wire.Count() > 0 {
		t.Errorf("on the wire between host and guest: %d frames", wire.Count())
	}
	after := f.d.Ports()
	for i, p := range after {
		if p.Network == "default" {
			continue // nobody is on it
		}
		if p.FastPath != (p.Kind != "router") || p.Kind != "router" && (p.RxFrames < before[i].RxFrames+100 || p.TxFrames < before[i].TxFrames+100) {
			t.Errorf("%+v, after %+v", p, before[i].Counters)
		}
	}
	if said := f.d.Run("doctor", "--uplink", "eth0"); strings.Contains(said, "tcx") {
		t.Errorf("doctor takes ubridge's own programs for somebody else's:\n%s", said)
	}
	if t.Failed() {
		t.Log(f.d.Run("port", "list"), f.d.Run("net", "info", "lan"), f.d.Run("doctor"))
	}
}

// TestTheKernelFollowsTheNIC: the host's address changes, and the NIC goes and comes
// back.
func TestTheKernelFollowsTheNIC(t *testing.T) {
	t.Parallel()
	f := newFast(t, "brfollow")
	f.Host.Run("ip", "link", "set", "eth0", "address", "02:aa:bb:cc:dd:01")
	for _, ns := range []*testnet.NS{f.station, f.one.NS, f.two.NS} {
		ns.Run("ip", "neigh", "flush", "all") // who knows the old one asks after half a minute
	}
	f.await()
	f.Server.Run("ip", "link", "set", "eth0", "down")
	f.Server.Run("ip", "link", "set", "eth0", "up")
	f.await()
	f.Host.Run("ip", "link", "del", "eth0")
	f.Eventually(patience, "a NIC that is gone", func() error {
		if info := f.d.Info("lan"); info.FastPath.Ports != 2 {
			return fmt.Errorf("%+v", info.FastPath)
		}
		return nil
	})
	f.reach(f.one.NS, f.two.Addr)
	f.Veth(f.Host, "eth0", f.Server, "eth0")
	f.Host.Addr("eth0", lab.HostAddr+"/24")
	f.Server.Run("ip", "link", "set", "eth0", "master", "lan")
	f.await()
}

// TestTheKernelGoesOnWithoutTheDaemon, which was killed: on every way that is known, also
// by the NIC, without a ping lost or a connection. The next one goes on counting and
// leaves nothing behind.
func TestTheKernelGoesOnWithoutTheDaemon(t *testing.T) {
	t.Parallel()
	f := newFast(t, "brkill")
	for _, ns := range []*testnet.NS{f.Host, f.station, f.one.NS} {
		f.serveLoad(ns)
	}
	before := f.d.Ports()
	restarts := func() {
		f.d.Crash()
		f.works("killed")
		f.d = f.d.Again()
	}
	if err := exchange(f.one.NS, stationAddr, restarts); err != nil {
		t.Errorf("a connection from before the kill: %v", err)
	}
	for i, p := range f.d.Ports() {
		if p.Network == "lan" && p.Kind != "router" && (p.RxFrames < before[i].RxFrames+100 || p.TxFrames < before[i].TxFrames+100) {
			t.Errorf("%+v, before the kill %+v", p, before[i].Counters)
		}
	}
	f.await()
	if err := exchange(f.station, f.one.Addr, restarts); err != nil {
		t.Errorf("a connection from before the second kill: %v", err)
	}
	f.await()
	f.leavesNothing()
}

// TestTheNextDaemonMayDoLess, as the systemd unit has it, than find a dead one's programs
// and maps: it takes them away by their numbers, and begins with its own.
func TestTheNextDaemonMayDoLess(t *testing.T) {
	t.Parallel()
	testnet.Require(t, "setpriv")
	f := newFast(t, "brless", "setpriv", "--bounding-set", "-sys_admin")
	f.serveLoad(f.station)
	err := exchange(f.one.NS, stationAddr, func() {
		f.d.Crash()
		if out := f.Host.Run("ip", "link", "show", "eth0"); !strings.Contains(out, "PROMISC") {
			t.Errorf("the NIC would not hear what is for guests: %s", out)
		}
		f.d = f.d.Again()
	})
	if err != nil {
		t.Errorf("a connection from before the kill: %v", err)
	}
	f.await()
	f.leavesNothing()
}

// leavesNothing stops the daemon and looks at the NIC.
func (f *fast) leavesNothing() {
	f.T.Helper()
	f.d.Stop()
	var left int
	err := f.Host.Do(func() error {
		nic, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		for _, at := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
			there, err := link.QueryPrograms(link.QueryOptions{Target: nic.Index, Attach: at})
			if err != nil {
				return err
			}
			left += len(there.Programs)
		}
		return nil
	})
	if err != nil || left > 0 {
		f.T.Errorf("%d programs are left, %v", left, err)
	}
	if out := f.Host.Run("sh", "-c", "tc qdisc show dev eth0; tc filter show dev eth0 egress; ip -d link show eth0"); strings.Contains(out, "ubridge") || strings.Contains(out, "clsact") || strings.Contains(out, "PROMISC") || !strings.Contains(out, "promiscuity 0") {
		f.T.Errorf("left behind:\n%s", out)
	}
}

// works requires all ways to work as if a switch were there.
func (f *fast) works(while string) {
	f.T.Helper()
	for _, w := range f.ways() {
		out, err := w.from.Try("ping", "-q", "-i", "0.02", "-c", "50", w.to)
		if err != nil || !strings.Contains(out, "50 received") || strings.Contains(out, "duplicates") {
			f.T.Errorf("%s, %s: %v\n%s", while, w.name, err, out)
		}
	}
	for _, w := range []way{{"guest to LAN", f.two.NS, stationAddr}, {"LAN to guest", f.station, f.one.Addr}, {"host to guest", f.Host, f.one.Addr}, {"guest to host", f.two.NS, lab.HostAddr}} {
		if err := exchange(w.from, w.to); err != nil {
			f.T.Errorf("%s, a megabyte, %s: %v", while, w.name, err)
		}
	}
}

// TestUplinkAndSharedNIC: one NIC is both, for a network with NAT and one in mode bridge.
func TestUplinkAndSharedNIC(t *testing.T) {
	t.Parallel()
	f := newFast(t, "brboth")
	behind := f.d.Join("behind")
	stream := f.Stream(behind)
	stream.Advances("at first")
	f.await()
	f.Eventually(patience, "a stream that needs no daemon", func() (err error) {
		f.away(func() {
			if _, failed := f.station.Try("ping", "-q", "-i", "0.02", "-c", "20", f.one.Addr); failed != nil {
				err = failed
			}
			in, up := stream.Received()
			time.Sleep(300 * time.Millisecond)
			if in2, up2 := stream.Received(); in2 < in+10 || up2 < up+10 {
				err = errors.Join(err, fmt.Errorf("%d and %d came while the daemon was stopped", in2-in, up2-up))
			}
		})
		return err
	})
	f.d.Run("net", "stop", "lan")
	stream.Advances("without the other network")
	f.Eventually(patience, "the stream by the kernel again", func() (err error) {
		f.away(func() {
			in, _ := stream.Received()
			time.Sleep(300 * time.Millisecond)
			if in2, _ := stream.Received(); in2 < in+10 {
				err = fmt.Errorf("%d came", in2-in)
			}
		})
		return err
	})
	f.d.Run("net", "start", "lan")
	f.await()
}
