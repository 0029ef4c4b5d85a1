package bridging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// doctor asks about a NIC and wants an exit code and words.
func (s *scene) doctor(d *lab.Daemon, nic string, code int, words ...string) {
	s.T.Helper()
	r := d.Try("doctor", "--uplink", nic)
	if r.Code != code {
		s.T.Errorf("doctor --uplink %s: exit code %d, want %d: %s", nic, r.Code, code, r.Stderr)
	}
	for _, w := range words {
		if !strings.Contains(r.Stdout, w) {
			s.T.Errorf("doctor --uplink %s says no %q:\n%s", nic, w, r.Stdout)
		}
	}
}

// TestDoctorUplink tells NICs that can be shared from those that cannot, with the
// way that works, in the words of net create (TestRefusals).
func TestDoctorUplink(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brdoc")
	d := s.Start(lab.Options{})
	s.doctor(d, "eth0", 0, "ok    eth0", "can be shared with guests: ubridge net create NAME --mode bridge --uplink eth0")
	s.Host.Run("sh", "-c", `ip link add br9 type bridge; ip link add x0 type veth peer name x1; ip link set x0 master br9
		ip link add mv0 link x1 type macvlan mode bridge; ip tuntap add tun9 mode tun`)
	for _, tc := range []struct {
		nic   string
		words string
	}{
		{"lo", "loopback"},
		{"tun9", "tun9 (tun) has no Ethernet header"},
		{"x0", "x0 is a port of the bridge br9"},
		{"mv0", "receives for its own MAC address only"},
		{"ubr0", "ubr0 is the host port of network default already"},
	} {
		s.doctor(d, tc.nic, 1, "fail", tc.words)
	}
	if r := d.Try("doctor", "--uplink", "gone0"); r.Code != 3 {
		t.Errorf("a NIC that is not there: exit code %d", r.Code)
	}
	s.create(d)
	s.doctor(d, "eth0", 0, "is the uplink of network lan: add the guests there")
	g := s.Guest("one")
	d.Run("port", "add", "lan", g.Port)
	s.doctor(d, g.Port, 1, g.Port+" is a port of network lan already", "ubridge port del lan "+g.Port)
}

// TestDoctorProbesTheLAN asks the LAN by the daemon and without one, also where
// it drops what the NIC did not send.
func TestDoctorProbesTheLAN(t *testing.T) {
	t.Parallel()
	testnet.Require(t, "nft", "setpriv")
	s := newScene(t, "brprobe")
	s.Host.Run("ip", "route", "replace", "default", "via", lab.RouterAddr)
	d := s.Start(lab.Options{})
	heard := []string{"heard: the gateway " + lab.RouterAddr + " answered", "heard: the DHCP server " + lab.RouterAddr + " offered 10.9.0.1"}
	look := func(want []string, args ...string) {
		t.Helper()
		r := s.Try(args[0], append(args[1:], "doctor", "--uplink", "eth0", "--probe", "--json")...)
		for _, w := range want {
			if !strings.Contains(r.Stdout, w) {
				t.Errorf("%v: no %q in %s%s", args, w, r.Stdout, r.Stderr)
			}
		}
	}
	look(heard, testnet.Binary(t), "--socket", d.Socket())
	s.create(d)
	look(append(heard, "is the uplink of network lan"), testnet.Binary(t), "--socket", d.Socket())
	d.Stop()
	look(heard, testnet.Binary(t), "--socket", d.Socket())
	if leases, err := os.ReadFile(filepath.Join(s.Dir(), "lan.leases")); err == nil && strings.Contains(string(leases), "02:75:62:") {
		t.Errorf("a lease was taken:\n%s", leases)
	}

	user := []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", testnet.Binary(t), "--socket", "/nowhere"}
	if r := s.Try(user[0], append(user[1:], "doctor", "--uplink", "eth0")...); r.Code != 0 || !strings.Contains(r.Stdout, "ask again as root") {
		t.Errorf("a user: %+v", r)
	}
	if r := s.Try(user[0], append(user[1:], "doctor", "--uplink", "eth0", "--probe")...); r.Code == 0 || !strings.Contains(r.Stderr, "CAP_NET_RAW") {
		t.Errorf("a user's probe: %+v", r)
	}

	s.Server.Run("nft", "add table bridge guard; add chain bridge guard in { type filter hook prerouting priority 0 ; }; add rule bridge guard in iifname eth0 ether saddr != "+
		s.Host.MAC("eth0")+" drop")
	look([]string{"not heard: neither a DHCP server nor the gateway " + lab.RouterAddr + " answered", "mode nat"}, testnet.Binary(t), "--socket", d.Socket())
}
