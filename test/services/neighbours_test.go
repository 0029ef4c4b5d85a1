package services

import (
	"strings"
	"testing"

	"ubridge/internal/api"
	"ubridge/test/lab"
)

// What else runs on a host must not matter: another DNS or DHCP server, a
// firewall.

// TestHostResolverOnEveryAddress has a dnsmasq on 0.0.0.0:53, as many hosts do.
func TestHostResolverOnEveryAddress(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "svcwild")
	p := n.Host.Start("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root",
		"--no-resolv", "--no-hosts", "--log-facility=-", "--address=/"+lab.ServerName+"/203.0.113.66")
	n.Eventually(answerTime, "dnsmasq on the host", func() error {
		_, err := n.Host.Try("dig", "+time=1", "+tries=1", "@127.0.0.1", lab.ServerName)
		return err
	})
	d := n.Start(lab.Options{})
	g := d.Join("one")
	expect(t, g, "NOERROR", []string{lab.ServerAddr}, overUDP, lab.ServerName)
	expect(t, g, "NOERROR", []string{g.Addr}, overUDP, "one")
	warned(t, d, "dns default", "TCP port 53", "dnsmasq")
	if !p.Running() {
		t.Errorf("the host's dnsmasq has ended: %s", p.Output())
	}

	_ = p.Stop()
	n.Eventually(digTime, "TCP once the port is free", func() error {
		a, err := dig(g, overTCP, lab.ServerName)
		if err != nil {
			return err
		}
		return a.is("NOERROR", []string{lab.ServerAddr})
	})
}

// warned holds doctor to name a restriction, with a fix.
func warned(t *testing.T, d *lab.Daemon, check string, words ...string) {
	t.Helper()
	checks := d.Doctor()
	for _, c := range checks {
		if c.Check != check || c.Status != api.CheckWarn {
			continue
		}
		for _, word := range words {
			if !strings.Contains(c.Detail, word) {
				t.Errorf("doctor warns %q, without %q", c.Detail, word)
			}
		}
		if c.Fix == "" {
			t.Errorf("doctor warns %q and names no fix", c.Detail)
		}
		return
	}
	t.Errorf("doctor does not warn of %s: %+v", check, checks)
}

// TestHostServerOnDHCPPort binds UDP port 67 on every address of the host.
func TestHostServerOnDHCPPort(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "svcport67")
	other := n.Host.Start("socat", "-u", "UDP4-RECV:67,broadcast", "OPEN:"+n.Dir()+"/taken,creat,append")
	d := n.Start(lab.Options{})
	g := d.Join("one")
	if !other.Running() {
		t.Fatalf("the other server has ended: %s", other.Output())
	}
	if err := g.Reach(lab.Gateway); err != nil {
		t.Error(err)
	}
}

// TestHostFirewallDropsInput needs no hole for DHCP and for DNS over UDP.
func TestHostFirewallDropsInput(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "svcfirewall")
	n.Host.Run("nft", "add table inet wall")
	n.Host.Run("nft", "add chain inet wall in { type filter hook input priority 0; policy drop; }")
	n.Host.Run("nft", "add rule inet wall in ct state established,related accept")
	n.Host.Run("nft", "add rule inet wall in iifname lo accept")
	d := n.Start(lab.Options{})
	g := d.Join("one")
	expect(t, g, "NOERROR", []string{lab.ServerAddr}, overUDP, lab.ServerName)
	if a, err := dig(g, "+tries=1", "+time=1", overTCP, lab.ServerName); err == nil && a.status != "" {
		t.Errorf("TCP passed the host's firewall, so the test proves nothing:\n%s", a.text)
	}
	warned(t, d, "dns default", "firewall", "TCP DNS")

	n.Host.Run("nft", "add rule inet wall in iifname ubr0 tcp dport 53 accept")
	expect(t, g, "NOERROR", []string{lab.ServerAddr}, overTCP, lab.ServerName)
}
