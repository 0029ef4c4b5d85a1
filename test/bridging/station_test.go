package bridging

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"ubridge/test/lab"
)

// TestAStationMayMove between a guest's port and the LAN: the host's frames
// follow the last place it was heard at, also where that is told by unicast to the
// host alone, and also once no daemon is there: by the kernel, or else to the LAN, as if
// there had never been one.
func TestAStationMayMove(t *testing.T) {
	for _, mode := range []string{"kernel", "off"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			stationMoves(t, mode)
		})
	}
}

func stationMoves(t *testing.T, mode string) {
	s := newScene(t, "brmove"+mode[:1])
	d := s.Start(lab.Options{Args: []string{"--fastpath", mode}})
	s.create(d)
	g := s.Guest("one")
	d.Run("port", "add", "lan", g.Port)
	guest, host, station := s.end("guest", g.NS, "eth0"), s.end("host", s.Host, "eth0"), s.end("station", s.station, "eth0")
	wire := s.listen("wire", s.Server, "eth0", unix.ETH_P_ALL)
	moving, all := net.HardwareAddr{2, 0, 0, 0, 0, 0x55}, broadcast
	number := uint32(0)
	say := func(from *end, dst net.HardwareAddr) {
		t.Helper()
		number++
		if err := send(from.ns, from.dev, numbered(dst, moving, number)); err != nil {
			t.Fatal(err)
		}
	}
	// follows sends from the host to the station until it arrives in one place only,
	// each time after the station says something.
	follows := func(when string, toGuest, toWire int, says ...func()) {
		t.Helper()
		s.Eventually(patience, "the host's frames to follow "+when, func() error {
			for _, say := range says {
				say()
			}
			number++
			if err := send(s.Host, "eth0", numbered(moving, host.mac, number)); err != nil {
				return err
			}
			s.settle(wire, number, toWire)
			s.settle(guest.ear, number, toGuest)
			if w, g := wire.count(number, true), guest.count(number, true); w != toWire || g != toGuest {
				return fmt.Errorf("%d went to the wire and %d to the guest", w, g)
			}
			return nil
		})
	}
	say(guest, all)
	follows("a guest", 1, 0)
	say(station, all)
	follows("to the LAN, told to all", 0, 1)
	say(guest, host.mac)
	follows("to the guest, told to the host", 1, 0)
	say(station, host.mac)
	follows("to the LAN, told to the host", 0, 1)
	say(guest, all)
	follows("a guest", 1, 0)
	d.Crash()
	if mode == "off" {
		follows("to the LAN, nobody forwarding to the guest", 0, 1)
		return
	}
	// The kernel hears of moves when the daemon has been silent for some seconds.
	follows("to the LAN, the daemon being dead", 0, 1, func() { say(station, all) })
	follows("to the guest, the daemon being dead", 1, 0, func() { say(guest, host.mac) })
}

// settle waits a moment for a frame that is wanted.
func (s *scene) settle(e *ear, number uint32, wanted int) {
	for range 50 {
		if e.count(number, true) >= wanted && wanted > 0 {
			return
		}
		s.pause()
	}
}

// TestAGuestIsNotTheHost: its frames with the host's address are dropped, counted,
// and change nothing; with the router's they are as on any switch, and the router
// is believed again with its next frame.
func TestAGuestIsNotTheHost(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brspoof")
	w := s.witness()
	d := s.Start(lab.Options{})
	s.create(d)
	g := d.JoinTo("lan", "one")
	host, router := s.end("host", s.Host, "eth0"), s.end("router", s.Server, "lan")
	for i := range uint32(20) {
		if err := send(g.NS, "eth0", numbered(broadcast, host.mac, i)); err != nil {
			t.Fatal(err)
		}
	}
	s.Eventually(patience, "drops as own source", func() error {
		if n := d.Port(g.Port).Drops["own-source"]; n != 20 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	w.goesOn("beside a guest with the host's address")
	w.end()
	if err := send(g.NS, "eth0", numbered(broadcast, router.mac, 99)); err != nil {
		t.Fatal(err)
	}
	s.wantOnce("from the guest", 99, []*end{host}, []*end{host})
	s.reach(s.Server, lab.HostAddr) // it speaks to the host alone
	s.reach(s.Host, lab.RouterAddr)
	for _, st := range d.Stations("lan") {
		if strings.EqualFold(st.MAC, router.mac.String()) && st.Port != "eth0" {
			t.Errorf("the router is taken to be behind %s", st.Port)
		}
	}
}

// TestRefusals: what cannot be shared is refused before anything changes, with
// the way that works.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brrefuse")
	s.Host.Run("ip", "tuntap", "add", "tun0", "mode", "tun")
	s.Host.Run("ip", "link", "add", "br0", "type", "bridge")
	s.Veth(s.Host, "slave", s.station, "peer")
	s.Host.Run("ip", "link", "set", "slave", "master", "br0")
	g := s.Guest("one")
	d := s.Start(lab.Options{})
	d.Run("port", "add", "default", g.Port)
	d.Settle()
	before := s.Host.Run("sh", "-c", "ip -d link; tc qdisc show; ip addr")
	for nic, want := range map[string]string{
		"eth9": "there is no NIC eth9", "lo": "loopback", "tun0": "mode nat works by it", "slave": "use the bridge itself: --uplink br0",
		g.Port: "ubridge port del default " + g.Port, "ubr0": "host port of network default",
	} {
		code := 1
		if nic == "eth9" {
			code = 3
		}
		if said := d.Refuse(code, "net", "create", "lan", "--mode", "bridge", "--uplink", nic); !strings.Contains(said, want) {
			t.Errorf("%s is refused with %q, want %q", nic, said, want)
		}
	}
	d.Refuse(2, "net", "create", "lan", "--mode", "bridge")
	d.Refuse(2, "net", "create", "lan", "--mode", "bridge", "--uplink", "eth0", "--subnet", "10.1.0.0/24")
	after := s.Host.Run("sh", "-c", "ip -d link; tc qdisc show; ip addr")
	if diff := cmp.Diff(untimed(before), untimed(after)); diff != "" {
		t.Errorf("a refusal has changed the host, before - after +:\n%s", diff)
	}
	s.create(d)
	if said := d.Refuse(1, "net", "create", "other", "--mode", "bridge", "--uplink", "eth0"); !strings.Contains(said, "add the guests to that network") {
		t.Errorf("a second network on the NIC is refused with %q", said)
	}
	if said := d.Refuse(1, "port", "add", "default", "eth0"); !strings.Contains(said, "network lan shares with the host") {
		t.Errorf("the NIC as a port is refused with %q", said)
	}
	if n := len(d.Networks()); n != 2 {
		t.Errorf("%d networks are defined, want default and lan", n)
	}
}
