package natting

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"ubridge/internal/api"
)

// TestHostIsSilent runs streams of a guest and of the host to one server and
// port at the same time, and lets nothing of the host's stack out that is not
// its own: no RST and no ICMP for translated flows, also while the daemon is
// dead (proofs §1).
func TestHostIsSilent(t *testing.T) {
	b := newBed(t)
	b.serveTCP(b.server, serverAddr+":80")
	b.echoUDP(b.server, serverAddr+":7")
	capture := b.router.Capture("eth0", "src "+uplinkAddr+" and (icmp[0] != 8 or tcp[13] & 4 != 0)")
	first := b.connect(b.host, "", serverAddr+":80")
	guest := b.connect(b.guest, "", serverAddr+":80")
	second := b.connect(b.host, "", serverAddr+":80")
	udp := b.bindUDP(b.guest, ":0")
	seen := b.askUDP(udp, serverAddr+":7", []byte("open"))
	b.run("side by side", func(b *bed) {
		results := make(chan error)
		for _, s := range []*stream{first, guest, second} {
			go func() { results <- s.exchange(4<<20, 4<<20) }()
		}
		for range 3 {
			if err := <-results; err != nil {
				b.Error(err)
			}
		}
	})
	b.run("the host's own is not copied", func(b *bed) {
		before := b.received("eth0")
		b.exchange(first, 4<<20, 4<<20)
		if n := b.received("eth0") - before; n > 100_000 {
			b.Errorf("8 MiB of the host's cost the uplink's port %d bytes", n)
		}
	})
	b.run("dead and resumed", func(b *bed) {
		done := make(chan error, 1)
		go func() { done <- guest.exchange(0, 128<<20) }()
		time.Sleep(50 * time.Millisecond)
		b.daemon.Kill()
		if len(done) > 0 {
			b.Error("the stream ended before the kill: it proves nothing")
		}
		if got := b.askHost(); got != nil {
			b.Error(got)
		}
		b.exchange(first, 1<<20, 1<<20)
		stray := b.bindUDP(b.server, serverAddr+":0")
		for range 3 { // remotes that go on talking meet a wall
			_, _ = stray.WriteTo([]byte("still there?"), udpAddr(seen))
			time.Sleep(100 * time.Millisecond)
		}
		b.start()
		if err := <-done; err != nil {
			b.Error("the stream that ran through the kill:", err)
		}
		if again := b.askUDP(udp, serverAddr+":7", []byte("again")); again != seen {
			b.Errorf("the UDP socket was %s outside and is %s after the kill", seen, again)
		}
		b.exchange(second, 1<<20, 1<<20)
	})
	capture.Stop()
	if n := capture.Count(); n > 0 {
		t.Errorf("the host's stack sent %d RSTs and ICMP messages; see %s", n, keep(b, capture.Path()))
	}
}

// TestNFTSteering takes nftables where eBPF is refused: as silent, as long as
// nobody flushes the rules.
func TestNFTSteering(t *testing.T) {
	b := newTopology(t)
	b.config = "steering = \"nft\"\n"
	b.start()
	b.addGuests()
	b.serveTCP(b.server, serverAddr+":80")
	b.echoUDP(b.server, serverAddr+":7")
	capture := b.router.Capture("eth0", "src "+uplinkAddr+" and (icmp[0] != 8 or tcp[13] & 4 != 0)")
	b.exchange(b.connect(b.host, "", serverAddr+":80"), 4<<20, 4<<20)
	b.exchange(b.connect(b.guest, "", serverAddr+":80"), 4<<20, 4<<20)
	b.exchange(b.connect(b.host, "", serverAddr+":80"), 4<<20, 4<<20)
	b.askUDP(b.bindUDP(b.guest, ":0"), serverAddr+":7", random(9000))
	b.guest.Run("ping", "-c1", "-W5", "-s4000", serverAddr)
	capture.Stop()
	if n := capture.Count(); n > 0 {
		t.Errorf("the host's stack sent %d RSTs and ICMP messages; see %s", n, keep(b, capture.Path()))
	}
	if err := b.daemon.Stop(); err != nil {
		t.Error(err)
	}
	if rules := b.host.Run("nft", "list", "ruleset"); rules != "" {
		t.Errorf("left behind:\n%s", rules)
	}
}

// received is how many bytes came in on a port.
func (b *bed) received(port string) uint64 {
	b.Helper()
	ports, err := b.api.Ports(b.Context(), "")
	if err != nil {
		b.Fatal(err)
	}
	at := slices.IndexFunc(ports, func(p api.Port) bool { return p.Name == port })
	if at < 0 {
		b.Fatalf("no port %s in %v", port, ports)
	}
	return ports[at].RxBytes
}

// askHost has the host make a connection of its own.
func (b *bed) askHost() error {
	s, err := connect(b.host, "", serverAddr+":80")
	if err != nil {
		return err
	}
	defer s.Close()
	return s.exchange(1<<10, 1<<10)
}

// keep copies a capture to where it outlives the lab.
func keep(b *bed, path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	kept := fmt.Sprintf("%s/natting-%d.pcap", os.TempDir(), os.Getpid())
	if err := os.WriteFile(kept, data, 0o600); err != nil {
		return err.Error()
	}
	return kept
}

// TestFirewalls has the host's rules refuse all that is forwarded or not
// expected, as docker and others do, and lets them come and go under way.
func TestFirewalls(t *testing.T) {
	b := newTopology(t)
	rules := b.lab.Dir() + "/rules"
	write(b, rules, `
table inet others {
	chain first {
		type filter hook prerouting priority -150; policy accept;
		ct state invalid counter drop
	}
	chain mine {
		type filter hook input priority 0; policy drop;
		iif lo accept
		ct state established,related accept
		iifname "ubr0" accept
	}
	chain through {
		type filter hook forward priority 0; policy drop;
		counter
	}
}
`)
	b.host.Sysctl("net.ipv4.ip_forward", "1")
	b.host.Run("nft", "-f", rules)
	if _, err := b.host.Try("iptables-nft", "-P", "FORWARD", "DROP"); err != nil {
		t.Log("iptables-nft does not work here:", err)
	}
	if _, err := b.host.Try("iptables-legacy", "-P", "FORWARD", "DROP"); err != nil {
		t.Log("iptables-legacy does not work here:", err)
	}
	for _, key := range []string{"net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-arptables"} {
		if _, err := b.host.Try("sysctl", "-q", "-w", key+"=1"); err != nil {
			t.Log("no br_netfilter here:", key)
		}
	}
	b.start()
	b.addGuests()
	b.serveTCP(b.server, serverAddr+":80")
	s := b.connect(b.guest, "", serverAddr+":80")
	b.exchange(s, 2<<20, 2<<20)
	done := make(chan error)
	go func() { done <- s.exchange(32<<20, 64<<20) }()
	b.host.Run("nft", "flush", "ruleset")
	b.host.Run("nft", "-f", rules)
	if err := <-done; err != nil {
		t.Error("the stream under which the rules were flushed:", err)
	}
	b.connect(b.guest, "", serverAddr+":80")
	b.answers(b.host, "counter packets 0 bytes 0", "nft", "list", "chain", "inet", "others", "through")
	b.answers(b.host, "counter packets 0 bytes 0", "nft", "list", "chain", "inet", "others", "first")
	// The stack sees ICMP as well, and ignores what it did not ask for: a reply to
	// a guest is invalid to conntrack, and is no less delivered to the guest.
	b.guest.Run("ping", "-c1", "-W5", serverAddr)
}

func write(b *bed, path, text string) {
	b.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}
