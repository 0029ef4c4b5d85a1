package takeover

import (
	"strings"
	"testing"

	"ubridge/test/lab"
)

// The way there and back with two guests, who keep address and link, by whatever
// plays libvirt.
func thereAndBack(t *testing.T, b *bed) {
	one, two := b.guest("one", "vnet0"), b.guest("two", "vnet1")
	if err := one.Reach(two.Addr); err != nil {
		t.Fatalf("in libvirt's network: %v", err)
	}
	before := b.links()
	if plan := b.must(b.ubridge("import", "libvirt", "default")...); !strings.Contains(plan, one.Addr+" "+one.MAC()) {
		t.Errorf("the plan does not tell of the lease of %s:\n%s", one.Addr, plan)
	}
	if after := b.links(); after != before {
		t.Errorf("without --apply there is\n%s\nbefore there was\n%s", after, before)
	}

	out := b.must(b.ubridge("import", "libvirt", "default", "--apply")...)
	t.Log(out)
	info := b.daemon.Info("default")
	if !info.Active || info.Bridge != "virbr0" || info.Gateway != "192.168.122.1/24" {
		t.Fatalf("ubridge's network is %+v", info)
	}
	b.daemon.AwaitPort("vnet0", "up")
	b.daemon.AwaitPort("vnet1", "up")
	b.wantReach(one, two.Addr)
	b.wantReach(one, lab.Gateway)
	b.wantReach(one, lab.ServerAddr) // translated by ubridge
	if len(b.daemon.Leases("default")) != 2 {
		t.Errorf("leases: %+v", b.daemon.Leases("default"))
	}
	wantLease(t, one, "ubridge")
	b.daemon = b.daemonAgain()
	b.wantReach(two, one.Addr)

	t.Log(b.must(b.ubridge("import", "libvirt", "default", "--undo")...))
	if after := b.links(); strings.ReplaceAll(after, "ubr0\n", "") != strings.ReplaceAll(before, "ubr0\n", "") {
		t.Errorf("after --undo there is\n%s\nbefore there was\n%s", after, before)
	}
	b.wantReach(one, two.Addr)
	b.wantReach(one, lab.Gateway)
	wantLease(t, two, "libvirt")
	if info := b.daemon.Info("default"); !info.Active || info.Bridge != "ubr0" {
		t.Errorf("ubridge's own network is not back: %+v", info)
	}
	if out := b.must("ls", "/etc/libvirt/qemu/networks/autostart"); out != "default.xml\n" {
		t.Errorf("autostart of libvirt's: %q", out)
	}
}

// daemonAgain crashes the daemon and starts it again.
func (b *bed) daemonAgain() *lab.Daemon {
	b.daemon.Crash()
	return b.daemon.Again()
}

func TestThereAndBack(t *testing.T) { thereAndBack(t, played(t)) }

// What fails half way is taken back whole.
func TestFailureIsTakenBack(t *testing.T) {
	b := played(t)
	one := b.guest("one", "vnet0")
	b.Host.Run("ip", "link", "add", "other", "type", "bridge")
	before := b.links()
	// A tap that goes into another bridge the moment virbr0 goes cannot be a port.
	b.must("sh", "-c", `sed -i 's#^	ip link del virbr0#&; ip link set vnet0 master other#' `+strings.Split(b.path, ":")[0]+"/virsh")
	r := b.in(b.ubridge("import", "libvirt", "default", "--apply")...)
	if r.Code != 1 || !strings.Contains(r.Stderr, "everything is as it was") {
		t.Errorf("exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if after := b.links(); after != before {
		t.Errorf("there is\n%s\nbefore there was\n%s", after, before)
	}
	b.wantReach(one, lab.Gateway)
	if info := b.daemon.Info("default"); !info.Active || info.Bridge != "ubr0" {
		t.Errorf("ubridge's own network is not back: %+v", info)
	}
	if out := b.must("ls", "/etc/libvirt/qemu/networks/autostart"); out != "default.xml\n" {
		t.Errorf("autostart of libvirt's: %q", out)
	}
}

// A network of ubridge's that has guests does not make room, and nothing is
// touched.
func TestOwnGuestsAreNotMovedAway(t *testing.T) {
	b := played(t)
	b.daemon.Join("own")
	r := b.in(b.ubridge("import", "libvirt", "default", "--apply")...)
	if r.Code != 1 || !strings.Contains(r.Stderr, "has port vown, so it cannot make room") {
		t.Errorf("exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if calls := b.must("cat", "/run/virsh.calls"); strings.Contains(calls, "destroy") {
		t.Errorf("libvirt's network was stopped:\n%s", calls)
	}
	b.must(b.ubridge("import", "libvirt", "default", "--apply", "--name", "virt")...)
	if info := b.daemon.Info("virt"); !info.Active || info.Bridge != "virbr0" {
		t.Errorf("%+v", info)
	}
	b.must(b.ubridge("import", "libvirt", "default", "--undo")...)
	b.must("ip", "link", "show", "virbr0", "type", "bridge")
}

// A dnsmasq's network comes with its leases.
func TestDnsmasqKeepsLeases(t *testing.T) {
	b := lay(t, "echo laid; exec sleep infinity")
	b.daemon = b.Start(lab.Options{})
	g := b.Guest("old")
	b.write("/etc/dnsmasq.conf", "interface=br5\ndhcp-range=10.5.0.10,10.5.0.20,255.255.255.0\nno-hosts\n")
	b.write("/var/lib/misc/dnsmasq.leases", "4000000000 "+g.MAC()+" 10.5.0.17 old *\n")
	b.must(b.ubridge("import", "dnsmasq", "--apply", "--start")...)
	b.daemon.Run("port", "add", "br5", g.Port)
	if got := g.Lease()["ip"]; got != "10.5.0.17" {
		t.Errorf("the guest had 10.5.0.17, and is given %s", got)
	}
	b.must(b.ubridge("import", "dnsmasq", "--undo")...)
	b.daemon.Refuse(3, "net", "info", "br5")
	b.Host.Run("ip", "link", "show", g.Port)
	if out := b.must("find", b.daemon.State, "-name", "*br5*"); out != "" {
		t.Errorf("left in the daemon's state: %s", out)
	}
}

// A bridge of /etc/network/interfaces becomes a network on its NIC, which stays
// the host's.
func TestBridgeOfInterfaces(t *testing.T) {
	b := lay(t, "echo laid; exec sleep infinity")
	b.daemon = b.Start(lab.Options{})
	b.write("/etc/network/interfaces", "auto br0\niface br0 inet static\n bridge_ports eth0\n address "+lab.HostAddr+"/24\n")
	if out := b.must(b.ubridge("import", "interfaces", "--apply", "--start")...); !strings.Contains(out, "iface eth0 inet static") {
		t.Errorf("the stanza for eth0 is not printed:\n%s", out)
	}
	g := b.Guest("lan")
	b.daemon.Run("port", "add", "br0", g.Port)
	g.NS.Addr("eth0", "10.9.0.77/24")
	b.wantReach(g, lab.RouterAddr)
	b.wantReach(g, lab.HostAddr)
	b.must(b.ubridge("import", "interfaces", "--undo")...)
	b.daemon.Refuse(3, "net", "info", "br0")
	if err := g.Reach(lab.RouterAddr); err == nil {
		t.Error("the guest is on the LAN after --undo")
	}
}

// A network that libvirt would not have again after its stop stays where it is.
func TestTransientIsRefused(t *testing.T) {
	b := played(t)
	b.must("sh", "-c", "sed -e 1i'<networkstatus>' -e '$a</networkstatus>' /etc/libvirt/qemu/networks/default.xml >/run/libvirt/network/default.xml; rm -r /etc/libvirt/qemu/networks/*")
	before := b.links()
	r := b.in(b.ubridge("import", "libvirt", "default", "--apply")...)
	if r.Code != 1 || !strings.Contains(r.Stderr, "network default of libvirt is transient") {
		t.Errorf("exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if after := b.links(); after != before {
		t.Errorf("there is\n%s\nbefore there was\n%s", after, before)
	}
}
