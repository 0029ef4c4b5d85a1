package modes

import (
	"slices"
	"sync"
	"testing"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// everyMode has two networks of each mode whose guests another's might reach.
var everyMode = networks{
	"nat1":   "mode = \"nat\"\naddress = \"10.20.1.1/24\"\n",
	"nat2":   "mode = \"nat\"\naddress = \"10.20.2.1/24\"\n",
	"iso1":   "mode = \"isolated\"\naddress = \"10.20.3.1/24\"\n",
	"iso2":   "mode = \"isolated\"\naddress = \"10.20.4.1/24\"\n",
	"only1":  "mode = \"host-only\"\naddress = \"10.20.5.1/24\"\n",
	"only2":  "mode = \"host-only\"\naddress = \"10.20.6.1/24\"\n",
	"route1": "mode = \"route\"\naddress = \"10.20.7.1/24\"\n",
	"route2": "mode = \"route\"\naddress = \"10.20.8.1/24\"\n",
	"open1":  "mode = \"open\"\naddress = \"10.20.9.1/24\"\n",
	"open2":  "mode = \"open\"\naddress = \"10.20.10.1/24\"\n",
}

// reach says what becomes of a conversation that a guest of the first mode opens with a
// guest of another network of the second: plain, masqueraded as the host's address
// there, or refused with an ICMP error.
//
// libvirt's FORWARD rules are asked in this order, and the first that matches decides:
// LIBVIRT_FWX (within a bridge), LIBVIRT_FWI (rules of the network that the packet goes
// to), LIBVIRT_FWO (of the one that it comes from).
var reach = map[string]map[string]string{
	// FWO accepts what comes from a nat network; but FWI of nat and isolated networks
	// rejects before that. FWI of a routed one accepts all to its subnet, and an open one
	// has no rule; the masquerade rule then matches, since the destination is not in the
	// guest's own subnet.
	"nat": {"nat": "refused", "isolated": "refused", "host-only": "refused", "route": "masqueraded", "open": "masqueraded"},
	// FWO rejects all. (FWI of a routed network would accept before that, one way: the
	// answer is rejected by FWI of the isolated one. Nothing gets through here either.)
	"isolated":  {"nat": "refused", "isolated": "refused", "host-only": "refused", "route": "refused", "open": "refused"},
	"host-only": {"nat": "refused", "isolated": "refused", "host-only": "refused", "route": "refused", "open": "refused"},
	// As nat, but nothing is masqueraded.
	"route": {"nat": "refused", "isolated": "refused", "host-only": "refused", "route": "plain", "open": "plain"},
	// No rule of its own, so that those of the other network alone decide.
	"open": {"nat": "refused", "isolated": "refused", "host-only": "refused", "route": "plain", "open": "plain"},
}

// modeOf names the mode of a network of everyMode.
func modeOf(network string) string {
	return map[string]string{"nat": "nat", "iso": "isolated", "only": "host-only", "route": "route", "open": "open"}[network[:len(network)-1]]
}

// TestSeparation opens a conversation from a guest of each network to a guest of each
// other, by ping and by TCP.
func TestSeparation(t *testing.T) {
	b := newBed(t, everyMode)
	guests := map[string]*lab.Guest{}
	var names []string
	for network := range everyMode {
		guests[network] = b.join(network, network)
		names = append(names, network)
	}
	slices.Sort(names)
	var running sync.WaitGroup
	for _, from := range names {
		running.Go(func() {
			for _, to := range names {
				if from != to {
					separated(t, guests[from], guests[to], from, to)
				}
			}
		})
	}
	running.Wait()
	b.wantNothingLeft()
}

// separated checks one pair.
func separated(t *testing.T, from, to *lab.Guest, a, b string) {
	want := reach[modeOf(a)][modeOf(b)]
	wantPing, wantSeen := "yes", from.Addr
	switch want {
	case "refused":
		wantPing, wantSeen = "filtered", ""
	case "masqueraded":
		wantSeen = gatewayOf(to)
	}
	if got := twice(from.NS, to.Addr); got != wantPing {
		t.Errorf("ping from %s to %s (%s): %s, want %s", a, b, want, got, wantPing)
	}
	if got := ask(from.NS, to.Addr); got != wantSeen {
		t.Errorf("TCP from %s to %s (%s): the guest sees %q, want %q", a, b, want, got, wantSeen)
	}
}

// twice pings again where nothing came: many at once wait for ARP on a busy machine.
func twice(from *testnet.NS, addr string) (got string) {
	for range 3 {
		if got = ping(from, addr); got != "silence" {
			return got
		}
	}
	return got
}

// TestHostAndOutsideByMode: every guest reaches all of the host's addresses and is
// reached from them; the outside is reached and reaches as the mode says.
func TestHostAndOutsideByMode(t *testing.T) {
	b := newBed(t, everyMode)
	serve(b.Host)
	serve(b.Server)
	b.Server.Route("10.20.0.0/16", "via", lab.HostAddr)
	for network, c := range map[string]struct {
		seen     string // by the server outside; guest: the guest's own address
		outwards string
		inwards  string
	}{
		"nat1":   {lab.HostAddr, "yes", "silence"},
		"iso1":   {"", "filtered", "silence"},
		"only1":  {"", "filtered", "silence"},
		"route1": {"guest", "yes", "yes"},
		"open1":  {"guest", "yes", "yes"},
	} {
		t.Run(network, func(t *testing.T) {
			g := b.join(network, network)
			for _, addr := range []string{gatewayOf(g), lab.HostAddr} {
				b.wantPing(g.NS, addr, "yes")
				if seen := ask(g.NS, addr); seen != g.Addr {
					t.Errorf("the host's %s sees %q, not the guest", addr, seen)
				}
			}
			b.wantPing(b.Host, g.Addr, "yes")
			if seen := ask(b.Host, g.Addr); seen != gatewayOf(g) {
				t.Errorf("the guest sees the host as %q", seen)
			}
			b.wantPing(g.NS, lab.ServerAddr, c.outwards)
			want := c.seen
			if want == "guest" {
				want = g.Addr
			}
			if seen := ask(g.NS, lab.ServerAddr); seen != want {
				t.Errorf("the server outside sees %q, want %q", seen, want)
			}
			b.wantPing(b.Server, g.Addr, c.inwards)
			if seen := ask(b.Server, g.Addr); (seen == lab.RouterAddr) != (c.inwards == "yes") {
				t.Errorf("asked from outside, the guest sees %q", seen)
			}
			if drops := b.Port("v" + network).Drops; c.outwards == "filtered" && drops["refused"] < 2 {
				t.Errorf("what is refused is not counted: %v", drops)
			}
		})
	}
}

// TestVirtualNetworksOfTheHost: a container's bridge is reached from an open network and
// reaches it; a routed one, only where egress names it. libvirt's rules let a routed
// network reach it too, but there docker's own rules stand behind them, which frames
// of ours do not meet.
func TestVirtualNetworksOfTheHost(t *testing.T) {
	b := newScene(t)
	container := b.NS("container")
	b.Veth(b.Host, "vc0", container, "eth0")
	b.Host.Bridge("docker0", "vc0")
	b.Host.Addr("docker0", "172.17.0.1/16")
	container.Addr("eth0", "172.17.0.2/16")
	container.Route("default", "via", "172.17.0.1")
	serve(container)
	nets := networks{
		"route1": everyMode["route1"],
		"route2": everyMode["route2"] + "[nat]\negress = [\"docker0\"]\n",
		"open1":  everyMode["open1"],
	}
	b.Daemon = b.Net.Start(lab.Options{Config: nets.files(testnet.DaemonConfig())})
	for network, want := range map[string]string{"route1": "filtered", "route2": "yes", "open1": "yes"} {
		g := b.join(network, network)
		b.wantPing(g.NS, "172.17.0.2", want)
		seen := map[string]string{"yes": g.Addr, "filtered": ""}[want]
		if got := ask(g.NS, "172.17.0.2"); got != seen {
			t.Errorf("from %s the container sees %q, want %q", network, got, seen)
		}
		back, seen := map[string]string{"yes": "yes", "filtered": "silence"}[want], map[string]string{"yes": "172.17.0.2"}[want]
		b.wantPing(container, g.Addr, back)
		if got := ask(container, g.Addr); got != seen {
			t.Errorf("the guest of %s sees %q, want %q", network, got, seen)
		}
	}
}
