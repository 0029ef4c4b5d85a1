package modes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// TestDHCPWithoutARouter has the usual clients take a lease of an isolated network: an
// address, the gateway as resolver, and no default route. dnsmasq, told `dhcp-option=3`
// by libvirt, leaves option 3 out as well.
func TestDHCPWithoutARouter(t *testing.T) {
	b := newBed(t, networks{"iso1": everyMode["iso1"]})
	for name, start := range map[string]func(g *lab.Guest, dir string) []string{
		"udhcpc": func(*lab.Guest, string) []string {
			return []string{"busybox", "udhcpc", "-f", "-i", "eth0", "-t", "20", "-T", "1", "-s", stock(b, "udhcpc", `#!/bin/sh
[ "$1" != bound ] || { ip addr add $ip/$mask dev eth0; [ -z "$router" ] || ip route add default via $router; echo "resolver $dns"; }
`)}
		},
		"dhclient": func(_ *lab.Guest, dir string) []string {
			return []string{"dhclient", "-4", "-d", "-v", "-cf", "/dev/null", "-pf", filepath.Join(dir, "pid"), "-lf", filepath.Join(dir, "leases"),
				"-sf", stock(b, "dhclient", `#!/bin/bash
case $reason in
PREINIT) ip link set eth0 up ;;
BOUND) ip addr add $new_ip_address/$new_subnet_mask dev eth0; for r in $new_routers; do ip route add default via $r; done; echo "resolver $new_domain_name_servers" ;;
esac
exit 0
`), "eth0"}
		},
		"dhcpcd": func(_ *lab.Guest, dir string) []string {
			conf := filepath.Join(dir, "dhcpcd.conf")
			writeFile(b, conf, "ipv4only\nnoarp\nnodelay\nnohook resolv.conf\nclientid\noption routers, domain_name_servers\n")
			script := stock(b, "dhcpcd", "#!/bin/sh\n[ -z \"$new_domain_name_servers\" ] || echo \"resolver $new_domain_name_servers\"\n")
			return []string{"sh", "-c", "mkdir -p /run/dhcpcd /var/lib/dhcpcd && mount -t tmpfs none /run/dhcpcd && mount --bind " + dir +
				" /var/lib/dhcpcd && exec dhcpcd --nobackground --debug --config " + conf + " --script " + script + " eth0"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			testnet.Require(t, strings.Replace(name, "udhcpc", "busybox", 1))
			g := b.Net.Guest(name)
			b.Run("port", "add", "iso1", g.Port)
			dir := filepath.Join(b.Dir(), "of-"+name)
			if err := os.MkdirAll(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			p := g.Start(start(g, dir)...)
			b.Eventually(patience, "an address by "+name, func() error {
				if out := g.Run("ip", "-4", "-o", "addr", "show", "dev", "eth0"); !strings.Contains(out, " 10.20.3.") {
					return fmt.Errorf("%q; it says: %s", out, p.Output())
				}
				return nil
			})
			p.WaitFor("resolver 10.20.3.1", patience)
			if out := g.Run("ip", "route", "show", "default"); out != "" {
				t.Errorf("default route: %s", out)
			}
			b.wantPing(g.NS, "10.20.3.1", "yes")
		})
	}
	if n := len(b.Leases("iso1")); n != 3 {
		t.Errorf("%d leases, want 3", n)
	}
}

// stock writes what a client calls.
func stock(b *bed, name, text string) string {
	path := filepath.Join(b.Dir(), name+".script")
	writeFile(b, path, text)
	if err := os.Chmod(path, 0o755); err != nil {
		b.T.Fatal(err)
	}
	return path
}

func writeFile(b *bed, path, text string) {
	b.T.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.T.Fatal(err)
	}
}

// TestIsolatedDNS: local names only, and nobody is asked for others; unless the
// definition names upstreams, as libvirt's <forwarder> does in an isolated network.
func TestIsolatedDNS(t *testing.T) {
	b := newBed(t, networks{
		"iso1": everyMode["iso1"] + "domain = \"lab.test\"\n",
		"iso2": everyMode["iso2"] + "[dns]\nupstreams = [\"" + lab.RouterAddr + "\"]\n",
	})
	g, other := b.JoinTo("iso1", "one"), b.JoinTo("iso2", "two")
	dig := func(g *lab.Guest, args ...string) string {
		return g.Run(append([]string{"dig", "+tries=1", "+time=3", "@" + gatewayOf(g)}, args...)...)
	}
	if got := strings.TrimSpace(dig(g, "+short", "one.lab.test")); got != g.Addr {
		t.Errorf("a guest's own name is %q", got)
	}
	for _, args := range [][]string{{lab.ServerName}, {"+tcp", lab.ServerName}, {"-x", "198.51.100.1"}} {
		if out := dig(g, args...); !strings.Contains(out, "status: REFUSED") {
			t.Errorf("%v: %s", args, out)
		}
	}
	if got := strings.TrimSpace(dig(other, "+short", lab.ServerName)); got != lab.ServerAddr {
		t.Errorf("with an upstream, the server's name is %q", got)
	}
	if out := b.Names.Output(); strings.Count(out, "query[") != 1 {
		t.Errorf("the resolver outside was asked:\n%s", out)
	}
	if info := b.Info("iso1"); info.Uplink != "" || len(info.Upstreams) != 0 || info.IsolatedPorts {
		t.Errorf("net info: %+v", info)
	}
	if out := b.Run("doctor"); strings.Contains(out, "no usable resolver") {
		t.Errorf("doctor finds fault with what is meant to be:\n%s", out)
	}
}

// TestIsolatedPorts: guests of a host-only network, and of any with isolated ports,
// reach the host, and nothing of one another: not by what they flood, not by what they
// know, not by way of the gateway.
func TestIsolatedPorts(t *testing.T) {
	testnet.Require(t, "arping")
	b := newBed(t, networks{
		"only1": everyMode["only1"],
		"nat1":  "isolated_ports = true\n" + everyMode["nat1"],
	})
	serve(b.Server)
	for _, network := range []string{"only1", "nat1"} {
		t.Run(network, func(t *testing.T) {
			one, two := b.join(network, network+"a"), b.join(network, network+"b")
			bridge := b.Info(network).Bridge
			// What two says to its gateway is the host's, and its own.
			heard, host := two.Capture("eth0", "ether src "+one.MAC()), b.Host.Capture(bridge, "ether src "+one.MAC())
			for _, g := range []*lab.Guest{one, two} {
				b.wantPing(g.NS, gatewayOf(g), "yes")
				b.wantPing(b.Host, g.Addr, "yes")
			}
			if out, err := one.NS.Try("arping", "-c2", "-w2", "-I", "eth0", two.Addr); err == nil {
				t.Errorf("ARP: %s", out)
			}
			_, _ = one.NS.Try("socat", "-u", "EXEC:echo mdns", "UDP4-DATAGRAM:224.0.0.251:5353,ip-multicast-if="+one.Addr)
			_, _ = one.NS.Try("ping", "-c1", "-W1", "-b", strings.TrimSuffix(gatewayOf(one), "1")+"255")
			before := b.Port(one.Port).Drops
			one.Run("ip", "neigh", "replace", two.Addr, "lladdr", two.MAC(), "dev", "eth0") // known
			b.wantPing(one.NS, two.Addr, "silence")
			gateway := b.Info(network).GatewayMAC
			one.Run("ip", "neigh", "replace", two.Addr, "lladdr", gateway, "dev", "eth0") // around
			b.wantPing(one.NS, two.Addr, "silence")
			after := b.Port(one.Port).Drops
			for _, reason := range []string{"port-group", "own-subnet"} {
				if after[reason] <= before[reason] {
					t.Errorf("nothing was counted as %s: %v", reason, after)
				}
			}
			if n := heard.Count(); n != 0 {
				t.Errorf("a guest heard %d frames of another: %v", n, heard.Frames())
			}
			if n := host.Count("arp", "or", "udp", "port", "5353"); n < 2 {
				t.Errorf("the host heard %d of what was flooded", n)
			}
			if info := b.Info(network); !info.IsolatedPorts {
				t.Error("net info does not say so")
			}
		})
	}
	g := b.join("nat1", "third")
	if seen := ask(g.NS, lab.ServerAddr); seen != lab.HostAddr {
		t.Errorf("the outside sees %q: isolated ports of a nat network reach it", seen)
	}
}
