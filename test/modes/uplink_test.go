package modes

import (
	"fmt"
	"strings"
	"testing"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// bound are networks that are bound to the host's second way out.
var bound = networks{
	"nat1":   "uplink = \"eth1\"\n" + everyMode["nat1"],
	"route1": "uplink = \"eth1\"\n" + everyMode["route1"],
	"open1":  "uplink = \"eth1\"\n" + everyMode["open1"],
	"route2": everyMode["route2"],
}

// TestUplink: nat, route and open networks bound to a device use that one only, out and
// in, as libvirt's <forward dev> has it. The device is not there when they start, comes,
// goes and comes back.
func TestUplink(t *testing.T) {
	for _, steering := range []string{"bpf", "nft"} {
		t.Run(steering, func(t *testing.T) {
			b := newBedWith(t, bound, "steering = \""+steering+"\"\n"+testnet.DaemonConfig())
			serve(b.Server)
			b.Server.Route("10.20.0.0/16", "via", lab.HostAddr)
			guests := map[string]*lab.Guest{}
			for network := range bound {
				guests[network] = b.join(network, network)
			}
			b.withoutUplink(guests)
			b.addSecond()
			b.withUplink(guests)
			b.Host.Run("ip", "link", "del", "eth1")
			b.withoutUplink(guests)
			b.addSecond()
			b.withUplink(guests)
		})
	}
}

// withoutUplink checks guests of networks whose uplink is not there.
func (b *bed) withoutUplink(guests map[string]*lab.Guest) {
	b.T.Helper()
	for _, network := range []string{"nat1", "route1", "open1"} {
		b.Eventually(patience, "doctor to miss the uplink of "+network, func() error {
			if out := b.Daemon.Try("doctor").Stdout; !strings.Contains(out, "network "+network) || !strings.Contains(out, "its uplink eth1 is not there") {
				return fmt.Errorf("%s", out)
			}
			return nil
		})
		if info := b.Info(network); !info.Active || info.Uplink != "eth1" || info.UplinkAddr != "" {
			b.T.Errorf("net info: %+v", info)
		}
		b.wantPing(guests[network].NS, lab.ServerAddr, "filtered")
		b.wantPing(guests[network].NS, gatewayOf(guests[network]), "yes")
		b.wantPing(b.Host, guests[network].Addr, "yes")
	}
	b.wantPing(guests["route2"].NS, lab.ServerAddr, "yes")
}

// withUplink checks the same guests when it is.
func (b *bed) withUplink(guests map[string]*lab.Guest) {
	b.T.Helper()
	b.second.Route("10.20.0.0/16", "via", hostSecondAddr)
	for network, seen := range map[string]string{"nat1": hostSecondAddr, "route1": guests["route1"].Addr, "open1": guests["open1"].Addr} {
		g := guests[network]
		b.wantPing(g.NS, secondAddr, "yes")
		if got := ask(g.NS, secondAddr); got != seen {
			b.T.Errorf("%s: the second way's end sees %q, want %q", network, got, seen)
		}
		b.wantPing(g.NS, lab.ServerAddr, "filtered")
		b.wantPing(g.NS, guests["route2"].Addr, "filtered") // by ubr, not by eth1
		b.wantPing(guests["route2"].NS, g.Addr, "filtered")
		want := map[bool]string{true: "silence", false: "yes"}[network == "nat1"]
		b.wantPing(b.second, g.Addr, want)
		if info := b.Info(network); info.Uplink != "eth1" || info.UplinkAddr != hostSecondAddr {
			b.T.Errorf("net info: uplink %s %s", info.Uplink, info.UplinkAddr)
		}
	}
	for _, network := range []string{"route1", "open1"} {
		before := b.Port("eth0").Drops["refused"]
		b.wantPing(b.Server, guests[network].Addr, "filtered")
		if after := b.Port("eth0").Drops["refused"]; after <= before {
			b.T.Errorf("from the wrong device: %d counted", after-before)
		}
	}
	b.wantPing(b.Server, guests["route2"].Addr, "yes")
	b.wantPing(b.second, guests["route2"].Addr, "yes")
}
