package bridging

import (
	"testing"

	"ubridge/test/lab"
)

// TestIsolatedGuestsOnTheLAN: with isolated ports, guests reach the LAN and the host, and
// not one another.
func TestIsolatedGuestsOnTheLAN(t *testing.T) {
	t.Parallel()
	s := newScene(t, "briso")
	d := s.Start(lab.Options{Config: map[string]string{
		"networks.d/lan.toml": "mode = \"bridge\"\nuplink = \"eth0\"\nisolated_ports = true\n",
	}})
	one, two := d.JoinTo("lan", "one"), d.JoinTo("lan", "two")
	for _, g := range []*lab.Guest{one, two} {
		for _, to := range []string{lab.HostAddr, lab.RouterAddr, stationAddr} {
			s.reach(g.NS, to)
		}
		s.reach(s.Host, g.Addr)
		s.reach(s.station, g.Addr)
	}
	heard := two.Capture("eth0", "ether src "+one.MAC())
	if _, err := one.NS.Try("ping", "-n", "-c2", "-W1", two.Addr); err == nil {
		t.Error("an isolated guest reached another")
	}
	one.Run("ip", "neigh", "replace", two.Addr, "lladdr", two.MAC(), "dev", "eth0")
	if _, err := one.NS.Try("ping", "-n", "-c2", "-W1", two.Addr); err == nil {
		t.Error("an isolated guest reached another whose MAC it knows")
	}
	if n := heard.Count(); n != 0 {
		t.Errorf("a guest heard %d frames of another", n)
	}
}

// TestARoutedNetworkBesideASharedNIC: the NIC that guests share is the way to a routed
// network too, for the LAN's stations and for the guests on it.
func TestARoutedNetworkBesideASharedNIC(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brroute")
	s.Host.Sysctl("net.ipv4.ip_forward", "0")
	d := s.Start(lab.Options{Config: map[string]string{
		"networks.d/lan.toml": "mode = \"bridge\"\nuplink = \"eth0\"\n",
		"networks.d/lab.toml": "mode = \"route\"\naddress = \"10.20.7.1/24\"\n",
	}})
	onLAN, routed := d.JoinTo("lan", "onlan"), d.JoinTo("lab", "routed")
	s.station.Route("10.20.7.0/24", "via", lab.HostAddr)
	s.reach(s.station, routed.Addr)
	s.reach(routed.NS, stationAddr)
	onLAN.Route("10.20.7.0/24", "via", lab.HostAddr)
	s.reach(onLAN.NS, routed.Addr)
	d.Stop()
}
