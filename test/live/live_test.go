package live

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/test/lab"
)

const waitLong = 20 * time.Second

// guestMAC sets and gives a MAC that a reservation can name beforehand.
func guestMAC(g *lab.Guest, n byte) string {
	mac := fmt.Sprintf("52:54:00:0a:00:%02x", n)
	g.Run("ip", "link", "set", "eth0", "address", mac)
	return mac
}

func dig(g *lab.Guest, name string) string {
	return strings.TrimSpace(g.Run("dig", "+short", "+tries=1", "+time=5", "@"+lab.Gateway, name))
}

// TestEveryLiveKey changes one after the other while a guest pings another and a
// stream goes through NAT, and sees each in force.
func TestEveryLiveKey(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "livekeys")
	n.Server.Addr("lo", "198.51.100.2/32")
	n.Resolve(n.Server, "198.51.100.2", "--address=/"+lab.ServerName+"/203.0.113.99")
	d := n.Start(lab.Options{})
	d.Run("port", "add", "default", "vnet0")
	one, two, tap := d.Join("one"), d.Join("two"), n.TapGuest("tap", "vnet0")
	tap.Lease()
	three, four := n.Guest("three"), n.Guest("four")
	d.Run("port", "add", "default", three.Port)
	stream, pings := n.Stream(one), two.Pings(one.Addr)

	d.Run("net", "update", "default", "add", "ip-dhcp-host", "mac="+guestMAC(three, 3), "ip=192.168.122.77", "name=third", "--live", "--config")
	d.Run("net", "set", "default", "dhcp.lease_time=2h", "domain=lab.example", "dns.local_only=true")
	if got := three.Lease(); got["ip"] != "192.168.122.77" || got["lease"] != "7200" || got["domain"] != "lab.example" {
		t.Errorf("lease of the reserved guest: %v", got)
	}
	d.Run("net", "update", "default", "add", "dns-host", "<host ip='192.0.2.9'><hostname>printer</hostname></host>", "--live", "--config")
	d.Run("net", "update", "default", "add", "dns-txt", "name=note.lab.example", "value=hello", "--live", "--config")
	if got := strings.TrimSpace(two.Run("dig", "+short", "@"+lab.Gateway, "TXT", "note.lab.example")); got != `"hello"` {
		t.Errorf("the TXT record is %q", got)
	}
	for name, want := range map[string]string{
		"third.lab.example": "192.168.122.77", "printer": "192.0.2.9", "one.lab.example": one.Addr, "absent.lab.example": "", lab.ServerName: lab.ServerAddr,
	} {
		if got := dig(two, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	d.Run("net", "set", "default", "dns.upstreams=198.51.100.2")
	if got := dig(two, lab.ServerName); got != "203.0.113.99" {
		t.Errorf("with another resolver %s is %q", lab.ServerName, got)
	}
	d.Run("net", "set", "default", "dns.upstreams=")
	if got := dig(two, lab.ServerName); got != lab.ServerAddr {
		t.Errorf("with the host's resolver again %s is %q", lab.ServerName, got)
	}
	d.Run("net", "set", "default", "ports="+four.Port)
	if got := four.Lease(); got["ip"] == "" {
		t.Errorf("lease of a guest that became one by ports: %v", got)
	}
	d.Run("net", "set", "default", "ports=") // it is no reason to let go of it
	d.AwaitPort(four.Port, api.StateUp)

	ageing(t, n, d, four)
	mtu(t, n, d, tap, four)
	egress(t, d, one)

	if info := d.Info("default"); len(info.Pending) > 0 {
		t.Errorf("not in force: %v", info.Pending)
	}
	stream.Advances("after all changes")
	if sent, lost := pings.Lost(); lost > 0 || sent < 50 {
		t.Errorf("%d of %d pings lost", lost, sent)
	}
	d.Stop()
	d = d.Again() // all of it was durable
	if info := d.Info("default"); info.MTU != 1400 || info.LeaseTime != 7200 || info.Domain != "lab.example" {
		t.Errorf("after a restart: %+v", info)
	}
}

// ageing has a silent guest forgotten soon, and then only one station learned on
// a port.
func ageing(t *testing.T, n *lab.Net, d *lab.Daemon, silent *lab.Guest) {
	t.Helper()
	on := func() (list []string) {
		for _, s := range d.Stations("default") {
			if s.Port == silent.Port {
				list = append(list, s.MAC)
			}
		}
		return list
	}
	if len(on()) == 0 {
		t.Errorf("no station behind %s", silent.Port)
	}
	silent.Run("ip", "link", "set", "eth0", "arp", "off")
	d.Run("net", "set", "default", "ageing=2s", "learn_limit=1")
	n.Eventually(waitLong, "a silent station forgotten", func() error {
		if list := on(); len(list) > 0 {
			return fmt.Errorf("there are %v", list)
		}
		return nil
	})
	silent.Run("ip", "link", "set", "eth0", "arp", "on")
	d.Run("net", "set", "default", "ageing=", "learn_limit=")
}

// mtu lowers it.
func mtu(t *testing.T, n *lab.Net, d *lab.Daemon, tap, other *lab.Guest) {
	t.Helper()
	said := d.Run("net", "set", "default", "mtu=1400")
	if !strings.Contains(said, "devices that ubridge did not make keep theirs") {
		t.Errorf("it was said: %s", said)
	}
	for dev, want := range map[string]string{"ubr0": "1400", "vnet0": "1400", other.Port: "1500"} {
		if got := strings.TrimSpace(n.Host.Run("cat", "/sys/class/net/"+dev+"/mtu")); got != want {
			t.Errorf("MTU of %s is %s, want %s", dev, got, want)
		}
	}
	if got := tap.Lease("-O", "mtu"); got["mtu"] != "1400" {
		t.Errorf("the lease says MTU %q", got["mtu"])
	}
	if p := d.Port("ubr0"); p.MTU != 1400 {
		t.Errorf("port list: %+v", p)
	}
}

// egress opens the way to another network of the host.
func egress(t *testing.T, d *lab.Daemon, from *lab.Guest) {
	t.Helper()
	d.Run("net", "create", "second", "--subnet", "10.77.0.0/24", "--bridge", "ubr7")
	there := d.JoinTo("second", "there")
	if from.Reach(there.Addr) == nil {
		t.Error("the other network is reached without egress")
	}
	d.Run("net", "set", "default", "nat.egress=ubr7")
	if err := from.Reach(there.Addr); err != nil {
		t.Errorf("with egress: %v", err)
	}
	d.Run("net", "set", "default", "nat.egress=")
	if from.Reach(there.Addr) == nil {
		t.Error("the other network is still reached")
	}
}

// TestIsolationComesAndGoes while guests run.
func TestIsolationComesAndGoes(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "liveisolate")
	d := n.Start(lab.Options{})
	one, two := d.Join("one"), d.Join("two")
	stream := n.Stream(one)
	reach := func(want bool, when string) {
		t.Helper()
		if err := one.Reach(two.Addr); (err == nil) != want {
			t.Errorf("%s: one reaches two: %v", when, err)
		}
		if err := one.Reach(lab.Gateway); err != nil {
			t.Errorf("%s: the host: %v", when, err)
		}
	}
	reach(true, "at first")
	d.Run("net", "set", "default", "isolated_ports=true")
	reach(false, "isolated")
	d.Run("net", "set", "default", "isolated_ports=false")
	reach(true, "no longer isolated")
	d.Run("net", "set", "default", "adopt=veth:vlate*")
	late := n.Guest("late")
	n.Eventually(waitLong, "an adopted port", func() error {
		if !slices.ContainsFunc(d.Ports(), func(p api.Port) bool { return p.Name == late.Port && p.State == api.StateUp }) {
			return fmt.Errorf("it is none")
		}
		return nil
	})
	d.Run("net", "set", "default", "adopt=")
	late.Lease()
	d.Run("net", "set", "default", "uplink=eth0")
	stream.Advances("bound to the uplink that it has")
	if err := lab.Fetch(one.NS, 1<<16); err != nil {
		t.Errorf("by the uplink: %v", err)
	}
	d.Run("net", "set", "default", "uplink=nowhere0")
	if lab.Fetch(two.NS, 1<<10) == nil {
		t.Error("packets leave by another device than the uplink")
	}
	d.Run("net", "set", "default", "uplink=")
	if err := lab.Fetch(two.NS, 1<<16); err != nil {
		t.Errorf("no longer bound: %v", err)
	}
	if info := d.Info("default"); len(info.Pending) > 0 {
		t.Errorf("not in force: %v", info.Pending)
	}
}

// TestRestartKeepsTheLink has what cannot change in place wait, and come into
// force by a restart that guests see as a short silence.
func TestRestartKeepsTheLink(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "liverestart")
	d := n.Start(lab.Options{})
	d.Run("port", "add", "default", "vnet0")
	one, tap := d.Join("one"), n.TapGuest("tap", "vnet0")
	tap.Lease()
	changes := func(g *lab.Guest) string {
		return g.Run("cat", "/sys/class/net/eth0/carrier_changes") + n.Host.Run("cat", "/sys/class/net/"+g.Port+"/carrier_changes")
	}
	stream := n.Stream(one)
	before := changes(one) + changes(tap)
	said := d.Run("net", "set", "default", "bridge=ubr5", "stations=1000", "dhcp.lease_time=2h")
	if !strings.Contains(said, "bridge, after `ubridge net restart default`") || strings.Contains(said, "dhcp.lease_time, after") {
		t.Errorf("it was said: %s", said)
	}
	if info := d.Info("default"); strings.Join(info.Pending, " ") != "bridge stations" || info.Bridge != "ubr0" || info.LeaseTime != 7200 {
		t.Errorf("before the restart: %+v", info)
	}
	stream.Advances("before the restart")
	d.Run("net", "restart", "default")
	if info := d.Info("default"); len(info.Pending) > 0 || info.Bridge != "ubr5" {
		t.Errorf("after the restart: %+v", info)
	}
	stream.Advances("after the restart")
	if after := changes(one) + changes(tap); after != before {
		t.Errorf("guests saw their link change: before %q, after %q", before, after)
	}
	if err := tap.Reach(one.Addr); err != nil {
		t.Error(err)
	}
	d.Stop()
}

// TestRestartThatCannotBe leaves the network as it runs.
func TestRestartThatCannotBe(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "livenorestart")
	d := n.Start(lab.Options{})
	one := d.Join("one")
	stream := n.Stream(one)
	d.Run("net", "set", "default", "address=10.66.0.1/24")
	n.Host.Run("ip", "link", "add", "taken", "type", "bridge")
	n.Host.Addr("taken", "10.66.0.9/24")
	if said := d.Refuse(1, "net", "restart", "default"); !strings.Contains(said, "10.66.0.0/24 is in use on this host") {
		t.Errorf("it was said: %s", said)
	}
	stream.Advances("after a restart that was refused")
	n.Host.Run("ip", "link", "del", "taken")
	d.Run("net", "restart", "default")
	one.Lease()
	if !strings.HasPrefix(one.Addr, "10.66.0.") {
		t.Errorf("leased %s", one.Addr)
	}
	d.Refuse(1, "net", "start", "default")
	d.Run("net", "stop", "default")
	d.Refuse(1, "net", "restart", "default")
}

// TestEditChangesWhatRuns goes through an editor.
func TestEditChangesWhatRuns(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "liveedit")
	d := n.Start(lab.Options{})
	one, two := d.Join("one"), d.Join("two")
	pings := one.Pings(two.Addr)
	script := filepath.Join(n.Dir(), "editor")
	edit := func(sed string) lab.Result {
		text := "#!/bin/sh\nexec sed -i \"" + sed + "\" \"$1\"\n"
		if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Helper()
		r := n.Try("env", "VISUAL="+script, "TMPDIR="+filepath.Dir(script), d.Binary(), "--socket", d.Socket(), "net", "edit", "default")
		return r
	}
	if r := edit("s/^mode = .*/&\\nmtu = 1300/"); r.Code != 0 || !strings.Contains(r.Stdout, "+ 1300") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if info := d.Info("default"); info.MTU != 1300 || len(info.Pending) > 0 {
		t.Errorf("%+v", info)
	}
	if r := edit("s/^mode = .*/mode = 'natted'/"); r.Code == 0 || !strings.Contains(r.Stderr, "there is no mode") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := edit("s/x/x/"); r.Code != 0 || !strings.Contains(r.Stdout, "not changed") {
		t.Errorf("exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if sent, lost := pings.Lost(); lost > 0 {
		t.Errorf("%d of %d pings lost", lost, sent)
	}
}

// TestLiveOnlyOutlastsACrash: what was changed in what runs, and not in the
// definition, is there again after SIGKILL, and gone after a stop.
func TestLiveOnlyOutlastsACrash(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "livecrash")
	d := n.Start(lab.Options{})
	d.Run("net", "set", "default", "dhcp.lease_time=3h", "--live")
	d.Run("net", "set", "default", "mtu=1450", "--config")
	check := func(when string, lease, mtu int, pending string) {
		t.Helper()
		if info := d.Info("default"); int(info.LeaseTime) != lease || info.MTU != mtu || strings.Join(info.Pending, " ") != pending {
			t.Errorf("%s: lease time %d, MTU %d, pending %v", when, info.LeaseTime, info.MTU, info.Pending)
		}
	}
	check("before", 3*3600, 1500, "mtu dhcp.lease_time")
	d.Crash()
	d = d.Again()
	check("after a crash", 3*3600, 1500, "mtu dhcp.lease_time")
	d.Run("net", "restart", "default")
	check("after a restart", 3600, 1450, "")
	d.Run("net", "set", "default", "dhcp.lease_time=3h", "--live")
	d.Stop()
	d = d.Again()
	check("after a stop", 3600, 1450, "")
}

// TestEventsTell follows what happens.
func TestEventsTell(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "liveevents")
	d := n.Start(lab.Options{})
	p := n.Host.Start(d.Binary(), "--socket", d.Socket(), "net", "event", "--loop", "--json")
	n.Eventually(waitLong, "a subscription", func() error { // until the first one is heard
		d.Run("net", "set", "default", "mtu="+strconv.Itoa(1400+len(p.Output())%2))
		d.Run("net", "set", "default", "mtu=1500")
		if p.Output() == "" {
			return fmt.Errorf("nothing yet")
		}
		return nil
	})
	one := d.Join("one")
	d.Run("port", "del", "default", one.Port)
	d.Run("net", "stop", "default")
	d.Run("net", "start", "default")
	d.Run("net", "undefine", "default")
	for _, want := range []string{
		`"type":"port","network":"default","event":"added","port":"` + one.Port + `"`,
		`"type":"port","network":"default","event":"up","port":"` + one.Port + `"`,
		`"type":"lease","network":"default","event":"added","mac":"` + one.MAC() + `","ip":"` + one.Addr + `","hostname":"one"`,
		`"event":"removed","port":"` + one.Port + `"`,
		`"event":"stopped"`, `"event":"started"`, `"event":"undefined"`,
	} {
		p.WaitFor(strings.ReplaceAll(want, ".", `\.`), waitLong)
	}
	d.Stop() // a stream that is open does not hold it up
	if err := p.Wait(waitLong); err == nil {
		t.Error("the stream ended as if all were well")
	}
	if !strings.Contains(p.Output(), "the daemon has stopped") {
		t.Errorf("it wrote:\n%s", p.Output())
	}
}
