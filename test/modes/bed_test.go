package modes

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// patience is how long what is to happen may take on a busy machine.
const patience = 20 * time.Second

// The second way out of the host.
const (
	secondAddr     = "10.8.0.1"
	hostSecondAddr = "10.8.0.2"
)

// bed is one test's world.
type bed struct {
	*lab.Net
	*lab.Daemon
	second *testnet.NS // nil before addSecond
}

// networks are files of networks.d, by network.
type networks map[string]string

// files are the networks as a configuration.
func (n networks) files(main string) map[string]string {
	files := map[string]string{"ubridge.toml": main}
	for name, text := range n {
		files["networks.d/"+name+".toml"] = text
	}
	return files
}

// newBed starts a daemon with networks on a host that forwards nothing.
func newBed(t *testing.T, nets networks) *bed {
	t.Helper()
	return newBedWith(t, nets, testnet.DaemonConfig())
}

func newBedWith(t *testing.T, nets networks, config string) *bed {
	t.Helper()
	b := newScene(t)
	b.Daemon = b.Net.Start(lab.Options{Config: nets.files(config)})
	return b
}

// newScene is a bed without a daemon.
func newScene(t *testing.T) *bed {
	t.Helper()
	testnet.Require(t, "socat", "ping", "traceroute", "nft", "dig")
	t.Parallel()
	b := &bed{Net: lab.New(t, "modes")}
	b.Host.Sysctl("net.ipv4.ip_forward", "0")
	b.Host.Sysctl("net.ipv4.icmp_ratelimit", "0")
	b.Host.Run("nft", "add table inet docker; add chain inet docker forward { type filter hook forward priority 0; policy drop; }")
	return b
}

// addSecond makes the host's second way out, eth1; also again, after it went.
func (b *bed) addSecond() {
	b.T.Helper()
	if b.second == nil {
		b.second = b.NS("second")
		serve(b.second)
	}
	b.Veth(b.Host, "eth1", b.second, "eth0")
	b.Host.Addr("eth1", hostSecondAddr+"/24")
	b.second.Addr("eth0", secondAddr+"/24")
}

// join makes a guest of a network, which also in a network without a router sends
// whatever is not its own to the gateway, as one who tries would.
func (b *bed) join(network, name string) *lab.Guest {
	b.T.Helper()
	g := b.JoinTo(network, name)
	g.Run("ip", "route", "replace", "default", "via", gatewayOf(g))
	serve(g)
	return g
}

// peer is a namespace that answers on port 7 with the address that it sees.
type peer interface {
	Start(args ...string) *testnet.Proc
}

// serve has a namespace tell who asks, on TCP port 7.
func serve(at peer) { at.Start("socat", "TCP-LISTEN:7,fork,reuseaddr", "SYSTEM:echo $SOCAT_PEERADDR") }

// gatewayOf is the first address of a guest's /24.
func gatewayOf(g *lab.Guest) string {
	a := netip.MustParseAddr(g.Addr).As4()
	a[3] = 1
	return netip.AddrFrom4(a).String()
}

// ping reports whether an address answers: yes, or what came instead.
func ping(from *testnet.NS, addr string) string {
	out, err := from.Try("ping", "-n", "-c1", "-W1", addr)
	text := fmt.Sprint(out, err)
	switch {
	case err == nil:
		return "yes"
	case strings.Contains(text, "Packet filtered"):
		return "filtered"
	case strings.Contains(text, "Network is unreachable"):
		return "no route"
	}
	return "silence"
}

// ask connects to a peer that serves and returns the address that it sees; empty for
// no connection.
func ask(from *testnet.NS, addr string) string {
	out, _ := from.Try("socat", "-T5", "-u", "TCP:"+addr+":7,connect-timeout=2", "STDOUT")
	if seen := strings.TrimSpace(out); seen != "" {
		if _, err := netip.ParseAddr(seen); err == nil {
			return seen
		}
	}
	return ""
}

// wantNothingLeft stops the daemon and looks at the host's devices.
func (b *bed) wantNothingLeft() {
	b.T.Helper()
	b.Stop()
	out := b.Host.Run("sh", "-c", `for d in $(ls /sys/class/net); do tc qdisc show dev $d clsact; tc filter show dev $d ingress; done 2>/dev/null
		ip -o link show | grep ubr; nft list tables netdev; true`)
	if strings.TrimSpace(out) != "" {
		b.T.Errorf("left on the host:\n%s", out)
	}
}

// wantPing checks what ping says, within patience where it is yes.
func (b *bed) wantPing(from *testnet.NS, addr, want string) {
	b.T.Helper()
	if want == "yes" {
		b.Eventually(patience, addr+" to answer", func() error {
			if got := ping(from, addr); got != want {
				return fmt.Errorf("%s", got)
			}
			return nil
		})
		return
	}
	if got := ping(from, addr); got != want {
		b.T.Errorf("ping %s: %s, want %s", addr, got, want)
	}
}
