package nic

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"ubridge/internal/hostnet/internal/nstest"
	"ubridge/internal/wire"
)

// asked is ask in the namespace, of v0; a try waits for as long as an answer on
// the same machine can take.
func asked(t *testing.T, ns *nstest.NS) (h *Heard) {
	t.Helper()
	ns.Must(func() error {
		f, err := Look("v0")
		if err != nil {
			return err
		}
		h, err = ask(t.Context(), f, 300*time.Millisecond)
		return err
	})
	return h
}

// lan makes a namespace with a NIC v0, and one with the LAN's gateway v1.
func lan(t *testing.T) (ns, router *nstest.NS) {
	ns, router = nstest.New(t), nstest.New(t)
	nstest.Veth(ns, "v0", router, "v1")
	ns.Run("ip addr add 192.0.2.9/24 dev v0\nip route add default via 192.0.2.1")
	router.Run("ip addr add 192.0.2.1/24 dev v1")
	return ns, router
}

// TestAsk hears a gateway and a DHCP server, leaves no lease and nothing in the
// gateway's neighbour table, and finds the host's address on another machine.
func TestAsk(t *testing.T) {
	ns, router := lan(t)
	leases := serveDHCP(t, router)
	h := asked(t, ns)
	if !h.Passed() || !h.Answered || h.Gateway != netip.MustParseAddr("192.0.2.1") || h.DHCP != h.Gateway || h.Broadcast ||
		!netip.MustParsePrefix("192.0.2.0/24").Contains(h.Offered) || len(h.Taken) != 0 {
		t.Errorf("%+v", h)
	}
	if text, err := os.ReadFile(leases); err != nil && !errors.Is(err, os.ErrNotExist) || strings.Contains(string(text), h.MAC.String()) {
		t.Errorf("a lease was taken: %s %v", text, err)
	}
	for line := range strings.Lines(router.Run("ip neigh")) { // the DHCP server itself notes whom it offers an address
		if strings.Contains(line, h.MAC.String()) && !strings.HasPrefix(line, h.Offered.String()+" ") {
			t.Errorf("the gateway learned the address: %s", line)
		}
	}
	if text := ns.Run("ip -d link show v0"); !strings.Contains(text, "promiscuity 0") {
		t.Errorf("the NIC stays promiscuous: %s", text)
	}
	router.Run("ip addr add 192.0.2.9/32 dev v1")
	if h := asked(t, ns); len(h.Taken) != 1 || h.Taken[0] != netip.MustParseAddr("192.0.2.9") {
		t.Errorf("an address that another machine has too: %+v", h)
	}
}

// serveDHCP runs dnsmasq and waits until it answers.
func serveDHCP(t *testing.T, router *nstest.NS) (leases string) {
	t.Helper()
	dir := t.TempDir()
	leases = filepath.Join(dir, "leases")
	router.Must(func() error {
		cmd := exec.Command("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=v1", "--bind-interfaces", "--user=root",
			"--dhcp-range=192.0.2.50,192.0.2.99", "--dhcp-leasefile="+leases, "--pid-file="+filepath.Join(dir, "pid"), "--no-ping")
		if err := cmd.Start(); err != nil {
			return err
		}
		t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
		return nil
	})
	for range 500 {
		if strings.Contains(router.Run("ss -Hlun"), ":67") {
			return leases
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("dnsmasq does not serve")
	return ""
}

// TestAskIsNotHeard has a network that takes the NIC's own address only.
func TestAskIsNotHeard(t *testing.T) {
	ns, router := lan(t)
	router.Run("nft add table netdev guard")
	router.Run("nft add chain netdev guard in { type filter hook ingress device v1 priority 0 ; }")
	router.Run("nft add rule netdev guard in ether saddr != " + looked(t, ns, "v0").MAC.String() + " counter drop")
	if h := asked(t, ns); h.Passed() || h.DHCP.IsValid() || h.Answered || !h.Gateway.IsValid() {
		t.Errorf("%+v", h)
	}
	if rules := router.Run("nft list ruleset"); strings.Contains(rules, "packets 0 ") {
		t.Errorf("nothing was sent: %s", rules)
	}
}

// TestAskEnds when its context does, and fails with words where it may not listen.
func TestAskEnds(t *testing.T) {
	ns, _ := lan(t)
	ns.Must(func() error {
		f, err := Look("v0")
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := ask(ctx, f, time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		f.Ifindex = 9999
		if _, err := ask(t.Context(), f, time.Hour); err == nil || !strings.Contains(err.Error(), "v0") {
			t.Errorf("a device that is gone: %v", err)
		}
		return nil
	})
}

// TestNothingIsSent by looking: only Ask may.
func TestNothingIsSent(t *testing.T) {
	ns, router := nstest.New(t), nstest.New(t)
	ns.Run("ip link add v0 type veth peer name v1 netns " + router.Path())
	for _, end := range []struct {
		ns   *nstest.NS
		name string
	}{{ns, "v0"}, {router, "v1"}} {
		end.ns.Run("sysctl -qw net.ipv6.conf." + end.name + ".disable_ipv6=1\nip link set " + end.name + " up")
	}
	expect(t, ns, "v0", "ok link: up")
	if sent := strings.Fields(ns.Run("cat /proc/self/net/dev")); field(sent, "v0:", 10) != "0" {
		t.Errorf("packets sent: %s", sent)
	}
}

// field is the word n places after a word.
func field(words []string, after string, n int) string {
	for i, w := range words {
		if w == after && i+n < len(words) {
			return words[i+n]
		}
	}
	return "missing"
}

// offer is a DHCPOFFER in an Ethernet frame.
func offer(t testing.TB, q *question, to wire.MAC) []byte {
	t.Helper()
	m, err := dhcpv4.New(dhcpv4.WithTransactionID(q.xid), dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer),
		dhcpv4.WithYourIP(net.IPv4(192, 0, 2, 77)), dhcpv4.WithHwAddr(q.mac[:]))
	if err != nil {
		t.Fatal(err)
	}
	payload := m.ToBytes()
	ip := make(wire.IPv4, wire.IPv4Len+wire.UDPLen+len(payload))
	ip[0], ip[8], ip[9] = 0x45, 64, wire.ProtoUDP
	ip.SetTotalLen(len(ip))
	copy(ip[12:], []byte{192, 0, 2, 1, 192, 0, 2, 77})
	ports := wire.Ports(ip[wire.IPv4Len:])
	ports.SetSrc(dhcpServerPort)
	ports.SetDst(dhcpClientPort)
	copy(ip[wire.IPv4Len+wire.UDPLen:], payload)
	frame := append(q.ethernet(wire.TypeIPv4), ip...)
	wire.Ethernet(frame).SetDst(to)
	wire.Ethernet(frame).SetSrc(wire.MAC{2, 0, 0, 0, 0, 1})
	return frame
}

// reply is an ARP reply in an Ethernet frame.
func reply(q *question, sender wire.MAC, addr netip.Addr) []byte {
	frame := q.probe(addr)
	wire.Ethernet(frame).SetDst(q.mac)
	wire.Ethernet(frame).SetSrc(sender)
	b := frame[wire.EthernetLen:]
	b[7] = arpReply
	copy(b[8:14], sender[:])
	a := addr.As4()
	copy(b[14:18], a[:])
	return frame
}

func someQuestion() *question {
	return &question{
		mac: wire.MAC{2, 0x75, 0x62, 1, 2, 3}, nic: wire.MAC{2, 0, 0, 0, 0, 9}, xid: [4]byte{1, 2, 3, 4},
		own: []netip.Addr{netip.MustParseAddr("192.0.2.9")}, heard: Heard{Gateway: netip.MustParseAddr("192.0.2.1")},
	}
}

// TestTake tells answers to the question from everything else.
func TestTake(t *testing.T) {
	router, self := wire.MAC{2, 0, 0, 0, 0, 1}, someQuestion().nic
	gateway, own := someQuestion().heard.Gateway, someQuestion().own[0]
	for _, tc := range []struct {
		name  string
		frame func(q *question) []byte
		want  func(h Heard) bool
	}{
		{"an offer", func(q *question) []byte { return offer(t, q, q.mac) }, func(h Heard) bool { return h.Passed() && h.Offered.String() == "192.0.2.77" }},
		{"an offer to all", func(q *question) []byte { return offer(t, q, wire.Broadcast) }, func(h Heard) bool { return !h.Passed() && h.DHCP == gateway && h.Broadcast }},
		{"an offer to the NIC", func(q *question) []byte { return offer(t, q, q.nic) }, func(h Heard) bool { return !h.DHCP.IsValid() }},
		{"somebody else's offer", func(q *question) []byte {
			other := *q
			other.xid[0]++
			return offer(t, &other, wire.Broadcast)
		}, func(h Heard) bool { return !h.DHCP.IsValid() }},
		{"the gateway", func(q *question) []byte { return reply(q, router, gateway) }, func(h Heard) bool { return h.Answered && len(h.Taken) == 0 }},
		{"another machine", func(q *question) []byte { return reply(q, router, own) }, func(h Heard) bool { return !h.Answered && len(h.Taken) == 1 }},
		{"the host itself", func(q *question) []byte { return reply(q, self, own) }, func(h Heard) bool { return !h.Passed() && len(h.Taken) == 0 }},
		{"a request", func(q *question) []byte {
			f := reply(q, router, gateway)
			f[wire.EthernetLen+7] = arpRequest
			return f
		}, func(h Heard) bool { return !h.Answered }},
		{"our own question", func(q *question) []byte { f, _ := q.discover(); return f }, func(h Heard) bool { return !h.DHCP.IsValid() }},
	} {
		q := someQuestion()
		frame := tc.frame(q)
		q.take(frame)
		if !tc.want(q.heard) {
			t.Errorf("%s: %+v", tc.name, q.heard)
		}
		for n := range frame { // cut short it must not crash, nor count
			cut := someQuestion()
			if cut.take(frame[:n]); n < wire.EthernetLen+arpLen && cut.heard.Passed() {
				t.Errorf("%s: %d bytes count", tc.name, n)
			}
		}
	}
}

// FuzzTake takes any frames.
func FuzzTake(f *testing.F) {
	q := someQuestion()
	f.Add(offer(f, q, q.mac))
	f.Add(offer(f, q, wire.Broadcast))
	f.Add(reply(q, wire.MAC{2, 0, 0, 0, 0, 1}, q.heard.Gateway))
	discover, _ := q.discover()
	f.Add(discover)
	f.Fuzz(func(t *testing.T, frame []byte) {
		q := someQuestion()
		q.take(frame)
		if h := q.heard; h.Passed() && wire.Ethernet(frame).Dst() != q.mac {
			t.Errorf("a frame to somebody else counts: %x", frame)
		}
	})
}
