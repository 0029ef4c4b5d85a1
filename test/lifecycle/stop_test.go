package lifecycle

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"ubridge/test/lab"
)

const waitLong = 30 * time.Second

// TestCleanStop ends a busy daemon by each of the two signals and compares the
// host with before.
func TestCleanStop(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "lifestop")
	g := n.Guest("one")
	n.Host.Run("ip", "link", "set", g.Port, "down") // a stop must put that back too
	n.Host.Sysctl("net.ipv4.conf."+g.Port+".arp_ignore", "1")
	n.Host.Run("nft", "add table inet mine")
	before := stateOf(n.Host)
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		d := n.Start(lab.Options{})
		d.Run("port", "add", "default", g.Port)
		d.Run("port", "add", "default", "vnet0")
		d.Run("net", "create", "second")
		g.Lease()
		if err := lab.Fetch(g.NS, 1<<20); err != nil {
			t.Error(err)
		}
		during := stateOf(n.Host)
		for _, title := range []string{"links", "addresses", "routes", "qdiscs", "parameters", "sockets", "filters of eth0 ingress", "filters of " + g.Port + " ingress"} {
			if err := during.differs(before, title); err != nil {
				t.Errorf("while the daemon runs %v", err)
			}
		}
		d.Signal(signal)
		if err := d.Wait(waitLong); err != nil {
			t.Fatalf("%v: %v; it wrote:\n%s", signal, err, d.Output())
		}
		unchanged(t, n, before, signal.String())
		if left, err := os.ReadDir(d.Runtime); err != nil || len(left) != 0 {
			t.Errorf("after %v the runtime directory holds %v (%v)", signal, left, err)
		}
	}
}

// TestStopLeavesATapThatIsOpen has a process hold the guest's side: the tap
// stays, without anything of ours on it.
func TestStopLeavesATapThatIsOpen(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifeopen")
	d := n.Start(lab.Options{})
	d.Run("port", "add", "default", "vnet0")
	d.Run("port", "add", "default", "vnet1")
	tap := n.OpenTap(n.Host, "vnet0")
	d.AwaitPort("vnet0", "up")
	d.Stop()
	links := n.Host.Run("ip", "-o", "link")
	if !strings.Contains(links, "vnet0") || strings.Contains(links, "vnet1") || strings.Contains(links, "ubr0") {
		t.Errorf("vnet0 is open and vnet1 is not; left are\n%s", links)
	}
	if out := n.Host.Run("tc", "qdisc", "show", "dev", "vnet0"); strings.Contains(out, "clsact") {
		t.Errorf("left on vnet0: %s", out)
	}
	if v := n.Host.GetSysctl("net.ipv4.conf.vnet0.arp_ignore"); v != "0" {
		t.Errorf("arp_ignore of vnet0 is left at %s", v)
	}
	d = d.Again()
	d.AwaitPort("vnet0", "up")
	d.AwaitPort("vnet1", "down")
	d.Stop()
	if err := tap.Close(); err != nil {
		t.Error(err)
	}
}

// TestCleanStopAfterACrash has the second daemon put back what the first found.
func TestCleanStopAfterACrash(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifeafter")
	g := n.Guest("one")
	before := stateOf(n.Host)
	d := n.Start(lab.Options{})
	d.Run("port", "add", "default", g.Port)
	d.Run("port", "add", "default", "vnet0")
	g.Lease()
	d.Crash()
	d = d.Again()
	d.Stop()
	unchanged(t, n, before, "SIGKILL, a start and SIGTERM")
}
