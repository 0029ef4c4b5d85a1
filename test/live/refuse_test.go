package live

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ubridge/internal/api"
	"ubridge/test/lab"
)

// snapshot is what must not change when a change is refused, or fails.
func snapshot(n *lab.Net, d *lab.Daemon) []string {
	n.T.Helper()
	info := d.Info("default")
	info.Counts, info.Counters = api.Counts{}, api.Counters{}
	about, err := json.Marshal(info)
	if err != nil {
		n.T.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(d.State, "networks", "default.toml"))
	if err != nil {
		n.T.Fatal(err)
	}
	var ports []string
	for _, p := range d.Ports() {
		ports = append(ports, p.Name+" "+p.State)
	}
	return []string{string(about), string(text), strings.Join(ports, "\n"), n.Host.Run("sh", "-c", "cat /sys/class/net/ubr0/mtu; ls /sys/class/net")}
}

// TestRefusals: what would cut a guest off, or clash, changes nothing.
func TestRefusals(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "liverefuse")
	d := n.Start(lab.Options{})
	d.Run("net", "create", "second", "--subnet", "10.77.0.0/24", "--bridge", "ubr7")
	one, other := d.Join("one"), d.JoinTo("second", "other")
	n.Host.Run("ip", "link", "add", "taken", "type", "bridge")
	n.Host.Addr("taken", "10.66.0.9/24")
	stream := n.Stream(one)
	d.Run("net", "set", "default", "address="+lab.Gateway+"/24", "bridge=ubr0") // what it has, so nothing waits
	before := snapshot(n, d)
	for _, tt := range []struct {
		code int
		want string
		args []string
	}{
		{1, one.Addr + ", leased to " + one.MAC() + ": no range holds it", []string{"set", "default", "dhcp.ranges=192.168.122.250-192.168.122.254"}},
		{1, one.Addr + ", leased to " + one.MAC() + ": it is reserved for 52:54:00:00:00:99", []string{"update", "default", "add", "ip-dhcp-host", "mac=52:54:00:00:00:99", "ip=" + one.Addr}},
		{1, "10.66.0.0/24 is in use on this host", []string{"set", "default", "address=10.66.0.1/24"}},
		{1, "overlaps 10.77.0.0/24 of network second", []string{"set", "default", "address=10.77.0.129/25"}},
		{1, "ubr7 is the host port of network second", []string{"set", "default", "bridge=ubr7"}},
		{1, "the host has a device taken already", []string{"set", "default", "bridge=taken"}},
		{1, other.Port + " is a port of network second", []string{"set", "default", "ports=" + other.Port, "mtu=1300"}},
		{1, "lo", []string{"set", "default", "ports=lo", "mtu=1300"}},
		{2, "out of range", []string{"set", "default", "mtu=1"}},
		{2, "there is no DHCP host that matches", []string{"update", "default", "delete", "ip-dhcp-host", "mac=52:54:00:00:00:99"}},
		{3, "no network named none", []string{"set", "none", "mtu=1300"}},
	} {
		said := d.Refuse(tt.code, append([]string{"net"}, tt.args...)...)
		if !strings.Contains(said, tt.want) {
			t.Errorf("%v: it was said: %s", tt.args, said)
		}
		if diff := cmp.Diff(before, snapshot(n, d)); diff != "" {
			t.Fatalf("%v has changed something, before - after +:\n%s", tt.args, diff)
		}
	}
	stream.Advances("after all refusals")
}

// TestAdministratorsNetworksAreTheirs may be changed while they run, not where
// they are defined.
func TestAdministratorsNetworksAreTheirs(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "livereadonly")
	d := n.Start(lab.Options{Config: map[string]string{"networks.d/default.toml": "bridge = \"ubr0\"\n"}})
	for _, args := range [][]string{{"set", "default", "mtu=1300"}, {"autostart", "default"}, {"edit", "default"}} {
		if said := d.Refuse(1, append([]string{"net"}, args...)...); !strings.Contains(said, "default.toml") {
			t.Errorf("%v: it was said: %s", args, said)
		}
	}
	d.Run("net", "set", "default", "mtu=1300", "--live")
	if info := d.Info("default"); info.MTU != 1300 || len(info.Pending) != 1 {
		t.Errorf("%+v", info)
	}
}

// TestFailureIsPutBackWhole takes away what the last step writes to, after all
// others were done.
func TestFailureIsPutBackWhole(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "livefail")
	d := n.Start(lab.Options{})
	d.Run("port", "add", "default", "vnet0")
	one, late := d.Join("one"), n.Guest("late")
	stream, pings := n.Stream(one), one.Pings(lab.Gateway)
	before := snapshot(n, d)
	folder := filepath.Join(d.State, "networks")
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	said := d.Refuse(1, "net", "set", "default", "mtu=1300", "dhcp.lease_time=2h", "domain=x.example", "dns.upstreams=192.0.2.1", "ageing=5s", "ports="+late.Port, "nat.egress=eth0")
	if !strings.Contains(said, "network default is as it was") {
		t.Errorf("it was said: %s", said)
	}
	if err := os.Rename(folder+".away", folder); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, snapshot(n, d)); diff != "" {
		t.Errorf("before - after +:\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(d.State, "change.json")); err == nil {
		t.Error("the journal is left")
	}
	if sent, lost := pings.Lost(); lost > 0 {
		t.Errorf("%d of %d pings lost", lost, sent)
	}
	if got := one.Lease(); got["lease"] != "3600" || got["domain"] != "" {
		t.Errorf("lease %v", got)
	}
	if got := dig(one, lab.ServerName); got != lab.ServerAddr {
		t.Errorf("%s is %q", lab.ServerName, got)
	}
	stream.Advances("after the failure")
	d.Run("net", "set", "default", "mtu=1300") // and now it works
}

// TestUnfinishedChangeIsUndone has a daemon find the journal of one that was
// killed in the middle.
func TestUnfinishedChangeIsUndone(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "livejournal")
	d := n.Start(lab.Options{})
	late := n.Guest("late")
	file := filepath.Join(d.State, "networks", "default.toml")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d.Run("net", "set", "default", "mtu=1300", "ports="+late.Port)
	d.Crash()
	journal, err := json.Marshal(map[string]any{
		"network": "default", "definition": string(before), "running": string(before), "added": []string{late.Port},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.State, "change.json"), journal, 0o600); err != nil {
		t.Fatal(err)
	}
	d = d.Again()
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("the definition is %s (%v), was %s", after, err, before)
	}
	if info := d.Info("default"); info.MTU != 1500 || info.Ports != 0 || len(info.Pending) > 0 {
		t.Errorf("%+v", info)
	}
	if _, err := os.Stat(filepath.Join(d.State, "change.json")); err == nil {
		t.Error("the journal is left")
	}
}
