package switching

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
)

const settleTime = 20 * time.Second

// box is a guest that bridges two cards on the network, as by mistake: its kernel's
// bridge is up while it is plugged.
func (b *bed) box() (ns *testnet.NS, plug, unplug func()) {
	b.t.Helper()
	ns = b.NS("box")
	ns.Run("ip", "link", "add", "br0", "type", "bridge")
	for i, port := range []string{"loopa", "loopb"} {
		card := fmt.Sprint("eth", i)
		b.Veth(b.Host, port, ns, card)
		ns.Run("ip", "link", "set", card, "master", "br0")
		b.d.Run("port", "add", "default", port)
		b.d.AwaitPort(port, api.StateUp)
	}
	return ns, func() { ns.Run("ip", "link", "set", "br0", "up") }, func() { ns.Run("ip", "link", "set", "br0", "down") }
}

// held waits until one end of the loop is held, and returns it and the other end.
func (b *bed) held() (port, with string) {
	b.t.Helper()
	b.Eventually(settleTime, "the loop named", func() error {
		for _, p := range b.d.Ports() {
			if p.Loop != "" {
				port, with = p.Name, p.Loop
				return nil
			}
		}
		return fmt.Errorf("none of %+v", b.d.Ports())
	})
	return port, with
}

// A guest that bridges two of its cards makes a loop, and one broadcast a storm. It is
// broken before anybody notices: the ports are named, pings between others lose
// nothing, and each further broadcast comes once. When the loop is gone, all is as
// before.
func TestLoop(t *testing.T) {
	b := newBed(t, "")
	one, two, three := b.guest(plug{}), b.guest(plug{}), b.guest(plug{})
	_, plugIn, unplug := b.box()
	from, to := three.station(t), two.station(t)
	pings := []*testnet.Proc{ // ten a second for as long as it takes
		one.ns.Start("ping", "-q", "-i", "0.1", "-c", "60", two.ip4),
		one.ns.Start("ping", "-q", "-i", "0.1", "-c", "60", "192.168.122.1"),
	}
	b.Eventually(settleTime, "the pings under way", func() error {
		if s, known := b.stations()[one.mac.String()]; !known || s.Port != one.port {
			return fmt.Errorf("stations: %+v", b.stations())
		}
		return nil
	})
	plugIn()
	from.send(ether(broadcast, mac(1), experimental, 60))
	if port, with := b.held(); port == with || !strings.HasPrefix(port, "loop") || !strings.HasPrefix(with, "loop") {
		t.Errorf("%s and %s are named", port, with)
	}
	b.settled(t, "loopa", "loopb")
	to.collect(0, typ(experimental)) // what the storm brought
	before := b.d.Port("loopa").RxFrames + b.d.Port("loopb").RxFrames
	t.Logf("the storm was of %d frames", before)
	const more = 200
	for n := range more {
		from.send(ether(broadcast, mac(1), experimental, 60+n))
	}
	if got := len(to.collect(more, typ(experimental))); got != more {
		t.Errorf("%d broadcasts arrived, want %d", got, more)
	}
	if got := b.d.Port("loopa").RxFrames + b.d.Port("loopb").RxFrames - before; got > 2*more {
		t.Errorf("the loop brought %d frames back for %d broadcasts", got, more)
	}
	b.named(t)
	for _, p := range pings {
		if err := p.Wait(settleTime); err != nil || !strings.Contains(p.Output(), " 0% packet loss") {
			t.Errorf("%s: %v\n%s", p, err, p.Output())
		}
	}
	unplug()
	b.Eventually(settleTime, "the hold's end", func() error {
		for _, p := range b.d.Ports() {
			if p.Loop != "" {
				return fmt.Errorf("%s is held", p.Name)
			}
		}
		return nil
	})
	sent := []uint64{b.d.Port("loopa").TxFrames, b.d.Port("loopb").TxFrames}
	from.send(ether(broadcast, mac(1), experimental, 60))
	b.Eventually(settleTime, "a broadcast on both ports", func() error {
		if a, c := b.d.Port("loopa").TxFrames, b.d.Port("loopb").TxFrames; a == sent[0] || c == sent[1] {
			return fmt.Errorf("%d and %d frames sent, %d before", a, c, sent)
		}
		return nil
	})
	b.alive(three)
}

// named looks for the loop where an administrator would.
func (b *bed) named(t *testing.T) {
	t.Helper()
	if info := b.d.Info("default"); len(info.Loops) != 1 || info.Drops["loop"] == 0 {
		t.Errorf("net info: %+v", info)
	}
	doctor := ""
	for _, c := range b.d.Doctor() {
		if c.Check == "loop default" && c.Status == api.CheckWarn && c.Fix != "" {
			doctor = c.Detail
		}
	}
	if !strings.Contains(doctor, "loopa") || !strings.Contains(doctor, "loopb") {
		t.Errorf("doctor: %q", doctor)
	}
	b.Eventually(settleTime, "the log", func() error {
		if n := strings.Count(b.d.Output(), "loop: "); n != 1 {
			return fmt.Errorf("it tells of the loop %d times:\n%s", n, b.d.Output())
		}
		return nil
	})
}

// Two ports that a wire joins: a port of a loop can be taken away as any other, and
// with it the loop.
func TestAPortOfALoopIsRemoved(t *testing.T) {
	b := newBed(t, "")
	g := b.guest(plug{})
	b.Veth(b.Host, "loopa", b.Host, "loopb")
	for _, port := range []string{"loopa", "loopb"} {
		b.d.Run("port", "add", "default", port)
		b.d.AwaitPort(port, api.StateUp)
	}
	g.station(t).send(ether(broadcast, mac(1), experimental, 60))
	port, with := b.held()
	b.d.Run("port", "del", "default", port)
	if p := b.d.Port(with); p.Loop != "" {
		t.Errorf("%s is held without the other: %+v", with, p)
	}
	b.settled(t, with, g.port)
	b.alive(g)
}

// Stations that move are no loop: one that goes to and fro a few times and says the
// same each time, as a guest that migrates or a virtual router; and one that sends by
// two cards in turn, as a bond in balance-rr.
func TestMovesAreNoLoop(t *testing.T) {
	b := newBed(t, "")
	var at []*station
	for range 2 {
		at = append(at, b.guest(plug{}).station(t))
	}
	for n := range 10 {
		at[n%2].send(ether(net.HardwareAddr{1, 0, 0x5e, 0, 0, 18}, mac(1), experimental, 60))
		time.Sleep(10 * time.Millisecond) // in this order
	}
	for n := range 600 {
		f := ether(broadcast, mac(2), experimental, 64)
		f[60], f[61] = byte(n), byte(n>>8)
		at[n%2].send(f)
	}
	b.settled(t, "port1", "port2")
	for _, p := range b.d.Ports() {
		if p.Loop != "" || p.Drops["loop"] > 0 {
			t.Errorf("%+v", p)
		}
	}
}
