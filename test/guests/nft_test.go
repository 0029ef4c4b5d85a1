package guests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// With the nftables fallback of the steering, guests' connections work, also
// across a crash; the host does not answer what is theirs; and a clean stop
// leaves no table.
func TestSteeringByNFT(t *testing.T) {
	testnet.Require(t, "nft", "tcpdump")
	n := lab.New(t, "gu")
	d := n.Start(lab.Options{Config: map[string]string{"ubridge.toml": "steering = 'nft'\n"}})
	before := strings.TrimSpace(n.Host.Run("nft", "list", "tables"))
	one, two := d.Join("one"), d.Join("two")
	wantFallback(t, d)

	rejects := n.Server.Capture("eth0", "src host "+lab.HostAddr+" and (icmp or tcp[tcpflags] & tcp-rst != 0)")
	for i, g := range []*lab.Guest{one, two} {
		if err := lab.Fetch(g.NS, 8<<20+int64(i)); err != nil {
			t.Error(err)
		}
	}
	if err := one.Reach(two.Addr); err != nil {
		t.Error(err)
	}
	if err := lab.Fetch(n.Host, 1<<20); err != nil {
		t.Errorf("the host's own download: %v", err)
	}
	d = crashDuringFetch(t, n, d, one)
	if frames := rejects.Frames(); len(frames) > 0 {
		t.Errorf("the host answered for guests %d times, first %x", len(frames), frames[0].Data)
	}
	during := n.Host.Run("nft", "list", "tables")
	if !strings.Contains(during, "ubridge") {
		t.Errorf("tables %q: the fallback is not what steers", during)
	}
	d.Stop()
	if after := strings.TrimSpace(n.Host.Run("nft", "list", "tables")); after != "" {
		t.Errorf("tables after a clean stop: %q; before: %q", after, before)
	}
}

// wantFallback holds doctor to saying what steers.
func wantFallback(t *testing.T, d *lab.Daemon) {
	t.Helper()
	for _, c := range d.Doctor() {
		if c.Check == "steering" && c.Status == api.CheckWarn && strings.Contains(c.Detail, "nftables") {
			return
		}
	}
	t.Errorf("doctor does not tell of the fallback: %+v", d.Doctor())
}

// crashDuringFetch kills the daemon while a guest downloads, and starts it again.
func crashDuringFetch(t *testing.T, n *lab.Net, d *lab.Daemon, g *lab.Guest) *lab.Daemon {
	t.Helper()
	const size = 400 << 20
	done := make(chan error, 1)
	before := d.Port(g.Port).TxBytes
	go func() { done <- lab.Fetch(g.NS, size) }()
	n.Eventually(20*time.Second, "a download on its way", func() error {
		if got := d.Port(g.Port).TxBytes - before; got < 1<<20 {
			return fmt.Errorf("%d bytes so far", got)
		}
		return nil
	})
	d.Crash()
	select {
	case err := <-done:
		t.Fatalf("the download ended before or with the daemon: %v", err)
	case <-time.After(time.Second):
	}
	d = d.Again()
	if err := <-done; err != nil {
		t.Errorf("the download across the crash: %v", err)
	}
	return d
}
