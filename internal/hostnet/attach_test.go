package hostnet

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ubridge/internal/hostnet/internal/nstest"
)

// state shows all that Prepare may change.
func state(ns *nstest.NS, device string) string {
	var keys []string
	for _, s := range silent {
		keys = append(keys, "net."+s.family+".conf."+device+"."+s.key)
	}
	link := strings.Fields(ns.Run("ip -o link show " + device))
	return ns.Run("sysctl "+strings.Join(keys, " ")) + link[2] + ns.Run("ip -o addr show scope global dev "+device)
}

// TestPrepareAndRestore takes devices that are up, down and set up oddly there
// and back, by way of a state file.
func TestPrepareAndRestore(t *testing.T) {
	for name, setup := range map[string]string{
		"up":   "ip link set v0 up",
		"down": "ip link set v0 down",
		"odd":  "sysctl -q -w net.ipv4.conf.v0.arp_ignore=3\nsysctl -q -w net.ipv6.conf.v0.autoconf=0\nsysctl -q -w net.ipv4.conf.v0.forwarding=1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, peer := nstest.New(t), nstest.New(t)
			nstest.Veth(ns, "v0", peer, "v1")
			ns.Run(setup)
			before := state(ns, "v0")
			var a Attachment
			ns.Must(func() (err error) {
				a, err = Snapshot("v0")
				return err
			})
			if got := state(ns, "v0"); got != before {
				t.Fatalf("the snapshot changed something: %s", cmp.Diff(before, got))
			}
			file, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				ns.Must(func() error { return Prepare(a) })
			}
			wantPrepared(t, ns)
			var read Attachment
			if err := json.Unmarshal(file, &read); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				ns.Must(func() error { return Restore(read) })
			}
			if diff := cmp.Diff(before, state(ns, "v0")); diff != "" {
				t.Errorf("not restored: %s", diff)
			}
		})
	}
}

// TestCardsHearAll: a device that may keep frames for other addresses from us is told not
// to, and put back; one that is so anyway stays as it is, and so does one that hears all.
func TestCardsHearAll(t *testing.T) {
	for _, c := range []struct {
		name, make            string
		before, prepared, end bool
	}{
		{"neither tap nor veth", "ip link add v0 type ifb", false, true, false},
		{"one that hears all before", "ip link add v0 type ifb\nip link set v0 promisc on", true, true, true},
		{"a veth", "ip link add v0 type veth peer v1", false, false, false},
		{"a tap", "ip tuntap add v0 mode tap", false, false, false},
	} {
		ns := nstest.New(t)
		ns.Run(c.make)
		var a Attachment
		want := func(when string, want bool) {
			t.Helper()
			if got := strings.Contains(ns.Run("ip link show v0"), "PROMISC"); got != want {
				t.Errorf("%s, %s: promiscuous %v", c.name, when, got)
			}
		}
		ns.Must(func() (err error) { a, err = Snapshot("v0"); return err })
		want("seen", c.before)
		for range 2 {
			ns.Must(func() error { return Prepare(a) })
		}
		want("prepared", c.prepared)
		for range 2 {
			ns.Must(func() error { return Restore(a) })
		}
		want("restored", c.end)
	}
}

func wantPrepared(t *testing.T, ns *nstest.NS) {
	t.Helper()
	got := state(ns, "v0")
	for _, want := range []string{"v0.disable_ipv6 = 1", "v0.accept_ra = 0", "v0.arp_ignore = 8", "v0.forwarding = 0", "UP"} {
		if !strings.Contains(got, want) {
			t.Errorf("prepared without %q:\n%s", want, got)
		}
	}
	if d := info(t, ns, "v0"); len(d.Addresses) != 0 {
		t.Errorf("a prepared device has the addresses %v", d.Addresses)
	}
}

// TestRestoreOfAnother leaves a device alone that only has the old one's name.
func TestRestoreOfAnother(t *testing.T) {
	ns, peer := nstest.New(t), nstest.New(t)
	nstest.Veth(ns, "v0", peer, "v1")
	var a Attachment
	ns.Must(func() (err error) {
		a, err = Snapshot("v0")
		return err
	})
	ns.Run("ip link del v0")
	ns.Must(func() error { return Restore(a) })
	nstest.Veth(ns, "v0", peer, "v1")
	ns.Run("sysctl -q -w net.ipv4.conf.v0.arp_ignore=5")
	if d := info(t, ns, "v0"); d.Ifindex == a.Ifindex {
		t.Skip("the kernel gave the same index again")
	}
	before := state(ns, "v0")
	ns.Must(func() error { return Restore(a) })
	if diff := cmp.Diff(before, state(ns, "v0")); diff != "" {
		t.Errorf("changed: %s", diff)
	}
	if err := ns.Do(func() error { return Prepare(a) }); err == nil {
		t.Error("a stale snapshot was accepted")
	}
}

// TestSnapshotRefuses devices that the host needs, naming the fix.
func TestSnapshotRefuses(t *testing.T) {
	ns, peer := nstest.New(t), nstest.New(t)
	for _, n := range []string{"0", "1", "2", "3"} {
		nstest.Veth(ns, "v"+n, peer, "w"+n)
	}
	ns.Run(`ip link add br0 type bridge
		ip link set v0 master br0
		ip addr add 10.5.0.1/24 dev v1
		ip addr add 2001:db8::1/64 dev v2
		ip route add default dev v3
		ip tuntap add tun0 mode tun`)
	for device, want := range map[string]string{
		"lo":   "loopback",
		"v0":   "ip link set v0 nomaster",
		"v1":   "10.5.0.1/24",
		"v2":   "ip addr flush dev v2",
		"v3":   "default route",
		"tun0": "no Ethernet header",
		"gone": "gone: no such network device",
	} {
		err := ns.Do(func() error { _, err := Snapshot(device); return err })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", device, err, want)
		}
	}
}

// TestDeviceInfo compares with what the devices were made as.
func TestDeviceInfo(t *testing.T) {
	ns, peer := nstest.New(t), nstest.New(t)
	nstest.Veth(ns, "v0", peer, "v1")
	ns.Run(`ip link add br0 type bridge
		ip link set v0 address 02:00:00:00:00:05 mtu 1400 master br0
		sysctl -q -w net.ipv6.conf.v0.disable_ipv6=1
		ip addr add 10.5.0.1/24 dev v0`)
	got := info(t, ns, "v0")
	want := Device{
		Name: "v0", Ifindex: got.Ifindex, Kind: "veth", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 5}, MTU: 1400,
		Up: true, Carrier: true, Master: "br0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.5.0.1/24")},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	peer.Run("ip link set v1 down")
	if got := info(t, ns, "v0"); got.Carrier || !got.Up {
		t.Errorf("peer down: %+v", got)
	}
}

// TestConfigureHostPort makes a tap the host's leg, twice, then as another.
func TestConfigureHostPort(t *testing.T) {
	ns := nstest.New(t)
	ns.Must(func() error { return MakeTap(TapSpec{Name: "ubr0"}) })
	for _, p := range []HostPort{
		{"ubr0", net.HardwareAddr{2, 0, 0, 0, 0, 1}, 1500, netip.MustParsePrefix("192.168.122.1/24")},
		{"ubr0", net.HardwareAddr{2, 0, 0, 0, 0, 1}, 1500, netip.MustParsePrefix("192.168.122.1/24")},
		{"ubr0", net.HardwareAddr{2, 0, 0, 0, 0, 2}, 9000, netip.MustParsePrefix("192.168.123.1/25")},
	} {
		ns.Must(func() error { return ConfigureHostPort(p) })
		d := info(t, ns, "ubr0")
		if !d.Up || d.MTU != p.MTU || d.MAC.String() != p.MAC.String() || len(d.Addresses) != 1 || d.Addresses[0] != p.Address {
			t.Errorf("%+v: became %+v", p, d)
		}
		if out := ns.Run("ip route show dev ubr0"); !strings.HasPrefix(out, p.Address.Masked().String()) {
			t.Errorf("%+v: routes %q", p, out)
		}
	}
}

// TestEthtoolFlag switches an offload that a veth has, checked by ethtool(8);
// LRO goes the same way on devices that have it.
func TestEthtoolFlag(t *testing.T) {
	ns, peer := nstest.New(t), nstest.New(t)
	nstest.Veth(ns, "v0", peer, "v1")
	for _, on := range []bool{false, true} {
		ns.Must(func() error { return setEthtoolFlag("v0", flagRXVLAN, on) })
		var got bool
		ns.Must(func() (err error) {
			got, err = ethtoolFlag("v0", flagRXVLAN)
			return err
		})
		if shown := strings.Contains(ns.Run("ethtool -k v0"), "rx-vlan-offload: on"); got != on || shown != on {
			t.Errorf("set to %v: reads %v, ethtool shows %v", on, got, shown)
		}
	}
	ns.Must(func() error {
		u, err := SnapshotUplink("v0")
		if err != nil || u.LRO {
			t.Errorf("%+v %v", u, err)
		}
		if err := PrepareUplink(u); err != nil {
			return err
		}
		return RestoreUplink(u)
	})
	gone := Uplink{Name: "gone", Ifindex: 9999, LRO: true}
	if err := ns.Do(func() error { return errors.Join(PrepareUplink(gone), RestoreUplink(gone)) }); err != nil {
		t.Errorf("a device that is gone: %v", err)
	}
}

// TestOffloadBelow has an offload that a veth has stand in for LRO: it is turned
// off below an uplink where it was on, also at the second level, and put back
// there and nowhere else, whatever the device is called meanwhile.
func TestOffloadBelow(t *testing.T) {
	ns, peer := nstest.New(t), nstest.New(t)
	nstest.Veth(ns, "v0", peer, "v1")
	nstest.Veth(ns, "w0", peer, "w1")
	nstest.Veth(ns, "x0", peer, "x1")
	ns.Run("ip link add br0 type bridge\nip link set v0 master br0\nip link set w0 master br0\nip link add mv0 link br0 type macvlan mode passthru\nethtool -K w0 rxvlan off")
	on := func(name string) bool { return strings.Contains(ns.Run("ethtool -k "+name), "rx-vlan-offload: on") }
	var u Uplink
	ns.Must(func() (err error) {
		u, err = snapshotOffload("mv0", flagRXVLAN)
		return err
	})
	if u.LRO || len(u.Below) != 1 || u.Below[0].Name != "v0" || !u.Merges() {
		t.Errorf("%+v", u)
	}
	ns.Must(func() error { return u.setOffload(flagRXVLAN, false) })
	if on("v0") || on("w0") || !on("x0") {
		t.Errorf("off: v0 %v, w0 %v, x0 %v", on("v0"), on("w0"), on("x0"))
	}
	ns.Run("ip link set v0 down\nip link set v0 name renamed0\nip link set renamed0 up")
	ns.Must(func() error { return u.setOffload(flagRXVLAN, true) })
	if !on("renamed0") || on("w0") {
		t.Errorf("put back: v0 %v, w0 %v", on("renamed0"), on("w0"))
	}
}

// TestUplinkWith keeps what was on at first and adds what came later.
func TestUplinkWith(t *testing.T) {
	first := Uplink{Name: "eth0", Ifindex: 2, Below: []Uplink{{Name: "a", Ifindex: 3, LRO: true}}}
	both := first.With(Uplink{Name: "eth0", Ifindex: 2, LRO: true, Below: []Uplink{{Name: "a", Ifindex: 3, LRO: true}, {Name: "b", Ifindex: 4, LRO: true}}})
	if !both.LRO || len(both.Below) != 2 || len(first.Below) != 1 {
		t.Errorf("%+v of %+v", both, first)
	}
}
