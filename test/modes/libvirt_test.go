package modes

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// TestTheTableIsLibvirts has the kernel judge the table: bridges, forwarding, and the
// rules that libvirt's iptables backend makes for the same networks, in its order
// (networkAddIPSpecificFirewallRules and networkAddGeneralIPv4FirewallRules of
// src/network/network_iptables.c). No ubridge runs.
func TestTheTableIsLibvirts(t *testing.T) {
	testnet.Require(t, "iptables", "socat", "ping")
	t.Parallel()
	b := &bed{Net: lab.Quiet(t, "modesref")}
	b.Host.Sysctl("net.ipv4.ip_forward", "1")
	b.Host.Sysctl("net.ipv4.icmp_ratelimit", "0")
	b.Host.Run("sh", "-ec", strings.Join(libvirtRules(), "\n"))
	guests := map[string]*lab.Guest{}
	names := slices.Sorted(maps.Keys(everyMode))
	for _, network := range names {
		guests[network] = b.kernelGuest(network)
	}
	var running sync.WaitGroup
	for _, from := range names {
		running.Go(func() {
			for _, to := range names {
				if from != to {
					b.judged(guests[from], guests[to], from, to)
				}
			}
		})
	}
	running.Wait()
}

// subnetOf is the gateway's address and prefix in a definition of everyMode.
func subnetOf(network string) netip.Prefix {
	_, rest, _ := strings.Cut(everyMode[network], "address = \"")
	text, _, _ := strings.Cut(rest, "\"")
	return netip.MustParsePrefix(text)
}

// kernelGuest makes the bridge of a network and a guest on it.
func (b *bed) kernelGuest(network string) *lab.Guest {
	b.T.Helper()
	g := b.Net.Guest(network)
	gateway := subnetOf(network)
	bridge := "br" + network
	b.Host.Bridge(bridge, g.Port)
	b.Host.Addr(bridge, gateway.String())
	g.Addr = gateway.Addr().Next().String()
	g.NS.Addr("eth0", g.Addr+"/24")
	g.Route("default", "via", gateway.Addr().String())
	serve(g)
	return g
}

// libvirtRules are commands that make the rules of all networks.
func libvirtRules() (cmds []string) {
	for _, chain := range []string{"FWX", "FWI", "FWO"} {
		cmds = append(cmds, "iptables -N LIBVIRT_"+chain, "iptables -A FORWARD -j LIBVIRT_"+chain)
	}
	for network := range everyMode {
		br, subnet := "br"+network, subnetOf(network).Masked().String()
		add := func(chain, rule string) { cmds = append(cmds, "iptables -A LIBVIRT_"+chain+" "+rule) }
		mode := modeOf(network)
		switch mode {
		case "nat":
			add("FWI", "-d "+subnet+" -o "+br+" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
			add("FWO", "-s "+subnet+" -i "+br+" -j ACCEPT")
			for _, rule := range []string{"-d 224.0.0.0/24 -j RETURN", "-d 255.255.255.255/32 -j RETURN",
				"-p tcp ! -d " + subnet + " -j MASQUERADE --to-ports 1024-65535",
				"-p udp ! -d " + subnet + " -j MASQUERADE --to-ports 1024-65535", "! -d " + subnet + " -j MASQUERADE"} {
				cmds = append(cmds, "iptables -t nat -A POSTROUTING -s "+subnet+" "+rule)
			}
		case "route":
			add("FWI", "-d "+subnet+" -o "+br+" -j ACCEPT")
			add("FWO", "-s "+subnet+" -i "+br+" -j ACCEPT")
		}
		if mode != "open" {
			add("FWX", "-i "+br+" -o "+br+" -j ACCEPT")
			add("FWI", "-o "+br+" -j REJECT")
			add("FWO", "-i "+br+" -j REJECT")
		}
	}
	return cmds
}

// judged compares what the kernel does with the table.
func (b *bed) judged(from, to *lab.Guest, a, c string) {
	want := map[string]string{"plain": from.Addr, "masqueraded": gatewayOf(to), "refused": ""}[reach[modeOf(a)][modeOf(c)]]
	if seen := ask(from.NS, to.Addr); seen != want {
		b.T.Errorf("by libvirt's rules, TCP from %s to %s is seen from %q, the table says %q", a, c, seen, want)
	}
	if got := twice(from.NS, to.Addr) == "yes"; got != (want != "") {
		b.T.Errorf("by libvirt's rules, ping from %s to %s is answered: %v", a, c, got)
	}
}
