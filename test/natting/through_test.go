package natting

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
)

// TestThrough sends one of everything through and looks at it on the way.
func TestThrough(t *testing.T) {
	b := newBed(t)
	b.serveTCP(b.server, serverAddr+":80")
	b.echoUDP(b.server, serverAddr+":7")
	b.run("tcp", func(b *bed) {
		s := b.connect(b.guest, "", serverAddr+":80")
		b.exchange(s, 24<<20, 24<<20)
		f := b.flow("the TCP flow", func(f api.Flow) bool { return f.Inside == s.LocalAddr().String() })
		want := api.Flow{
			Network: "default", Proto: "tcp", Inside: s.LocalAddr().String(),
			Outside: s.seen.String(), Remote: serverAddr + ":80", State: f.State, ExpiresIn: f.ExpiresIn,
		}
		if f != want || !strings.EqualFold(f.State, "established") || f.ExpiresIn < 4*24*3600 {
			t.Errorf("%+v\nwant %+v", f, want)
		}
		b.outside(s.seen)
	})
	b.run("udp", func(b *bed) {
		conn := b.bindUDP(b.guest, "192.168.122.11:5000")
		seen := b.askUDP(conn, serverAddr+":7", random(1400))
		b.outside(seen)
		b.flow("the UDP flow", func(f api.Flow) bool {
			return f.Proto == "udp" && f.Inside == "192.168.122.11:5000" && f.Outside == seen.String() && f.Remote == serverAddr+":7"
		})
	})
	b.run("echo", func(b *bed) {
		b.guest.Run("ping", "-c2", "-i0.05", "-W5", serverAddr)
		b.flow("the echo flow", func(f api.Flow) bool {
			return f.Proto == "icmp" && strings.HasPrefix(f.Inside, "192.168.122.11:") && f.Remote == serverAddr+":0"
		})
	})
	b.run("listed", listed)
	b.run("hops", hops)
	b.run("unreachable port", func(b *bed) {
		conn := b.connectUDP(b.guest, serverAddr+":9")
		if err := refused(conn); err != nil {
			b.Error(err)
		}
	})
}

// listed compares what the command prints with what the API says.
func listed(b *bed) {
	out := b.host.Run(testnet.Binary(b), "nat", "flows", "default", "--json", "--socket", b.socket())
	var shown []api.Flow
	if err := json.Unmarshal([]byte(out), &shown); err != nil {
		b.Fatalf("%v in %s", err, out)
	}
	protos := map[string]bool{}
	for _, f := range shown {
		protos[f.Proto] = true
		b.flow(fmt.Sprintf("the API's %+v", f), func(g api.Flow) bool {
			return g.Proto == f.Proto && g.Inside == f.Inside && g.Outside == f.Outside && g.Remote == f.Remote && g.State == f.State
		})
	}
	if !protos["tcp"] || !protos["udp"] || !protos["icmp"] {
		b.Errorf("the list lacks a protocol: %s", out)
	}
	table := b.host.Run(testnet.Binary(b), "nat", "flows", "--socket", b.socket())
	for _, f := range shown {
		if !strings.Contains(table, f.Inside) || !strings.Contains(table, f.Outside) {
			b.Errorf("%+v is not in\n%s", f, table)
		}
	}
}

// outside requires that an endpoint is the host's, with a port of the pool.
func (b *bed) outside(seen netip.AddrPort) {
	b.Helper()
	if seen.Addr().String() != uplinkAddr || seen.Port() < 61000 {
		b.Errorf("the server sees %s, not %s and a port from 61000 on", seen, uplinkAddr)
	}
}

// hops looks at the TTL, which the gateway takes one of, and at the errors of
// the gateway and of the routers behind it.
func hops(b *bed) {
	capture := b.router.Capture("eth0", "icmp")
	b.guest.Run("ping", "-c1", "-t33", "-W5", serverAddr)
	b.lab.Eventually(patience, "the echo to be captured", func() error {
		if n := capture.Count("ip[8]=32 and icmp[0]=8 and src " + uplinkAddr); n != 1 {
			return fmt.Errorf("%d echo requests with 32 hops left", n)
		}
		return nil
	})
	for _, way := range [][]string{{"-I"}, {"-U"}, {"-T", "-p80"}} {
		args := append([]string{"traceroute", "-n", "-q1", "-w5", "-m5"}, way...)
		out := b.guest.Run(append(args, serverAddr)...)
		got := regexp.MustCompile(`(?m)^ *\d+  (\S+)`).FindAllStringSubmatch(out, -1)
		want := []string{gateway, routerAddr, serverAddr}
		for i, line := range got {
			if len(got) != len(want) || line[1] != want[i] {
				b.Errorf("%v: want %v, got\n%s", args, want, out)
				break
			}
		}
	}
	b.answers(b.guest, "From "+routerAddr+" icmp_seq=1 Time to live exceeded", "ping", "-c1", "-t2", "-W5", serverAddr)
}
