package bridging

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/test/lab"
)

// A guest that bridges its card on the network with one that is on the LAN too makes
// a loop. The guest's port is held, not the NIC: the host, the other guests and the LAN
// reach one another all along.
func TestALoopByTheLAN(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brloop")
	d := s.Start(lab.Options{})
	s.create(d)
	one := d.JoinTo("lan", "one")
	began := time.Now()
	box := s.NS("box")
	box.Run("ip", "link", "add", "br0", "type", "bridge")
	s.Veth(s.Host, "loop", box, "eth0")
	s.Veth(s.Server, "eth2", box, "eth1")
	s.Server.Run("ip", "link", "set", "eth2", "master", "lan")
	for _, card := range []string{"eth0", "eth1"} {
		box.Run("ip", "link", "set", card, "master", "br0")
	}
	d.Run("port", "add", "lan", "loop")
	d.AwaitPort("loop", api.StateUp)
	box.Run("ip", "link", "set", "br0", "up")
	s.Eventually(patience, "the loop named", func() error {
		one.NS.Try("ping", "-n", "-b", "-c", "1", "-W", "1", "10.9.0.255") // a broadcast
		if p := d.Port("loop"); p.Loop != "eth0" {
			return fmt.Errorf("%+v", d.Ports())
		}
		return nil
	})
	t.Logf("named after %v", time.Since(began))
	if p := d.Port("eth0"); p.Loop != "" {
		t.Errorf("the NIC is held: %+v", p)
	}
	for _, way := range []struct {
		name string
		ping func() (string, error)
	}{
		{"the LAN to the host", func() (string, error) { return s.station.Try("ping", "-q", "-i", "0.05", "-c", "40", lab.HostAddr) }},
		{"the guest to the LAN", func() (string, error) { return one.NS.Try("ping", "-q", "-i", "0.05", "-c", "40", stationAddr) }},
		{"the guest to the host", func() (string, error) { return one.NS.Try("ping", "-q", "-i", "0.05", "-c", "40", lab.HostAddr) }},
	} {
		s.reach(one.NS, stationAddr) // what the storm took elsewhere is learned again
		if out, err := way.ping(); err != nil || !strings.Contains(out, " 0% packet loss") {
			t.Errorf("%s: %v\n%s", way.name, err, out)
		}
	}
	d.Stop()
}
