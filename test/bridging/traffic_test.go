package bridging

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// load is what is sent each way on a connection; both ends know it.
const load = 1 << 20

func noise() []byte {
	b := make([]byte, load)
	_, _ = rand.NewChaCha8([32]byte{'b', 'r'}).Read(b) // cannot fail
	return b
}

// serveLoad takes connections in a namespace: who sends the load gets its digest
// and the same back.
func (s *scene) serveLoad(ns *testnet.NS) {
	s.T.Helper()
	var l net.Listener
	if err := ns.Do(func() (err error) { l, err = net.Listen("tcp", "[::]:7100"); return err }); err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				got := sha256.New()
				if _, err := io.CopyN(got, c, load); err == nil {
					_, _ = c.Write(append(got.Sum(nil), noise()...)) // fails where the client is gone
				}
			}()
		}
	}()
}

// exchange sends the load to a server and takes it back, both verified. between is run
// when half of it is sent.
func exchange(from *testnet.NS, addr string, between ...func()) error {
	var c net.Conn
	err := from.Do(func() (err error) {
		c, err = net.DialTimeout("tcp", net.JoinHostPort(addr, "7100"), patience)
		return err
	})
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(noise()[:load/2]); err != nil {
		return err
	}
	for _, fn := range between {
		fn()
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(noise()[load/2:]); err != nil {
		return err
	}
	got := make([]byte, sha256.Size+load)
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	want := sha256.Sum256(noise())
	if !bytes.Equal(got, append(want[:], noise()...)) {
		return fmt.Errorf("what came back from %s is not what was sent", addr)
	}
	return nil
}

// TestTrafficIsWhole exchanges a megabyte between all ends with offloads on, IPv4
// and IPv6. Superframes cross whole, and between host and guests no unicast goes
// to the wire.
func TestTrafficIsWhole(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brwhole")
	d := s.Start(lab.Options{})
	s.create(d)
	one, two := d.JoinTo("lan", "one"), d.JoinTo("lan", "two")
	wire := s.Server.Capture("eth0", "ether", "host", one.MAC(), "and", "ether", "host", s.Host.MAC("eth0"))
	addrs := map[*testnet.NS][]string{
		s.Host: {lab.HostAddr, hostAddr6}, s.station: {stationAddr, station6},
		one.NS: {one.Addr, s.addr6(one)}, two.NS: {two.Addr, s.addr6(two)},
	}
	for ns := range addrs {
		s.serveLoad(ns)
	}
	for from := range addrs {
		for to, list := range addrs {
			for _, addr := range list {
				if err := exchange(from, addr); from != to && err != nil {
					t.Errorf("%s to %s: %v", from.Name, addr, err)
				}
			}
		}
	}
	wire.Stop()
	if frames := wire.Frames(); len(frames) > 0 {
		t.Errorf("%d frames between host and guest were on the wire, the first %x", len(frames), frames[0].Data)
	}
	for _, p := range d.Ports() {
		if mean := p.RxBytes / max(p.RxFrames, 1); p.Network == "lan" && mean < 3000 {
			t.Errorf("%s: frames of %d bytes on average: offloads are not used", p.Name, mean)
		}
		if p.Dropped() > 0 {
			t.Errorf("%s: drops %v", p.Name, p.Drops)
		}
	}
}

// tag puts a VLAN tag into a frame.
func tag(f []byte, vid uint16) []byte {
	return slices.Concat(f[:12], []byte{0x81, 0}, binary.BigEndian.AppendUint16(nil, vid), f[12:])
}

// TestTaggedFramesPass between host, guest and LAN, with their tag.
func TestTaggedFramesPass(t *testing.T) {
	t.Parallel()
	s := newScene(t, "brvlan")
	d := s.Start(lab.Options{})
	s.create(d)
	g := s.Guest("one")
	d.Run("port", "add", "lan", g.Port)
	ends := []*end{s.end("host", s.Host, "eth0"), s.end("station", s.station, "eth0"), s.end("guest", g.NS, "eth0")}
	seen := map[*end]*testnet.Capture{}
	for _, e := range ends {
		if err := send(e.ns, e.dev, numbered(broadcast, e.mac, 0)); err != nil { // all know all
			t.Fatal(err)
		}
		seen[e] = e.ns.Capture("eth0", "-Q", "in", "vlan", "7", "and", "ether", "proto", fmt.Sprint(experimental))
	}
	for _, from := range ends {
		for _, to := range append(slices.Clone(ends), &end{mac: broadcast}) {
			if from != to {
				if err := send(from.ns, from.dev, tag(numbered(to.mac, from.mac, 1), 7)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, e := range ends {
		s.Eventually(patience, "tagged frames at "+e.name, func() error {
			mine := seen[e].Count("ether", "dst", e.mac.String())
			all := seen[e].Count("ether", "dst", broadcast.String())
			if mine != 2 || all != 2 {
				return fmt.Errorf("%d for it and %d for all, want 2 of each", mine, all)
			}
			return nil
		})
	}
}

// machinePatience is for a machine without KVM among many busy processes.
const machinePatience = 2 * time.Minute

// TestMachineOnTheLAN boots a guest in QEMU on a tap of ours.
func TestMachineOnTheLAN(t *testing.T) {
	if testing.Short() {
		t.Skip("machines take seconds to boot")
	}
	t.Parallel()
	testnet.Require(t, "qemu-system-x86_64", "setpriv")
	s := newScene(t, "brqemu")
	d := s.Start(lab.Options{})
	s.create(d)
	const nobody = 65534
	d.Run("port", "add", "lan", "vnet0", "--owner", fmt.Sprint(nobody))
	m := s.Host.Boot(testnet.GuestConfig{Name: "one", User: nobody, NICs: []testnet.NIC{{Tap: "vnet0"}}})
	d.AwaitPort("vnet0", api.StateUp)
	m.Run("udhcpc -i eth0 -n -q -t 20 -T 1")
	addr := strings.TrimSpace(m.Run(`. /run/udhcpc.eth0; echo $ip`))
	if !strings.HasPrefix(addr, "10.9.0.1") {
		t.Fatalf("the machine has the address %q", addr)
	}
	want := fmt.Sprintf("%x", sha256.Sum256(noise()))
	s.serveLoad(s.Host)
	s.serveLoad(s.station)
	for _, host := range []string{lab.HostAddr, stationAddr, hostAddr6, station6} {
		s.Eventually(machinePatience, host+" to answer the machine", func() error {
			_, err := m.TryFor(10*time.Second, "ping -c 1 -W 2 "+host)
			return err
		})
	}
	for _, host := range []string{lab.HostAddr, stationAddr} {
		// The digest of what the machine sent comes first, then the load.
		m.Run("head -c 1048576 /dev/urandom >/tmp/f; sha256sum /tmp/f | cut -c 1-64 >/tmp/sent")
		m.Run("nc " + host + " 7100 </tmp/f >/tmp/back; head -c 32 /tmp/back | hexdump -v -e '1/1 \"%02x\"' >/tmp/heard; [ $(cat /tmp/heard) = $(cat /tmp/sent) ]")
		if got := m.Run("tail -c 1048576 /tmp/back | sha256sum"); !strings.HasPrefix(got, want) {
			t.Errorf("from %s the machine got %s, want %s", host, got, want)
		}
	}
	s.reach(s.Host, addr)
	s.reach(s.station, addr)
}
