package libvirt

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// hook calls the qemu hook as libvirt does, and returns what it says.
func hook(n *lab.Net, d *lab.Daemon, operation, network string, cards ...string) string {
	n.T.Helper()
	xml := "<domain type='qemu'><name>web</name><metadata>"
	if network != "" {
		xml += "<ubridge:guest xmlns:ubridge='urn:ubridge:domain:1' network='" + network + "'/>"
	}
	xml += "</metadata><devices>"
	for _, card := range cards {
		device, mac, _ := strings.Cut(card, " ")
		xml += "<interface type='ethernet'><mac address='" + mac + "'/><target dev='" + device + "'/></interface>"
	}
	file := filepath.Join(n.Dir(), "domain.xml")
	if err := os.WriteFile(file, []byte(xml+"</devices></domain>"), 0o600); err != nil {
		n.T.Fatal(err)
	}
	r := n.Try("sh", "-c", `exec "$@" <`+file, "sh", testnet.Binary(n.T), "--socket", d.Socket(), "libvirt-hook", "web", operation, "begin", "-")
	if r.Code != 0 {
		n.T.Errorf("the hook ends with %d, which keeps the domain from starting: %s", r.Code, r.Stderr)
	}
	return r.Stderr
}

// macsOf reads BRIDGE.macs.
func macsOf(d *lab.Daemon, bridge string) string {
	text, _ := os.ReadFile(filepath.Join(d.Runtime, "libvirt", bridge+".macs"))
	return strings.Join(strings.Fields(string(text)), "")
}

func TestTheHookNamesTheNetwork(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lvhook")
	d := n.Start(lab.Options{Config: map[string]string{
		"networks.d/default.toml": "bridge = \"ubr0\"\nadopt = [\"vnet*\"]",
		"networks.d/lab.toml":     "bridge = \"ubr1\"\naddress = \"10.21.0.1/24\"",
	}})
	makeTap(n, "vnet0", "fe:54:00:00:00:01")
	g := n.TapGuest("one", "vnet0") // libvirt holds its taps open before it calls the hook
	if said := hook(n, d, "start", "lab", "vnet0 52:54:00:00:00:01"); said != "" {
		t.Errorf("said: %s", said)
	}
	if p := d.Port("vnet0"); p.Network != "lab" || !p.Transient || p.Domain != "web" {
		t.Errorf("port list: %+v", p)
	}
	g.Lease()
	if !strings.HasPrefix(g.Addr, "10.21.0.") {
		t.Errorf("leased %s", g.Addr)
	}
	hook(n, d, "started", "", "vnet0 52:54:00:00:00:01") // nothing of ours
	hook(n, d, "reconnect", "lab", "vnet0 52:54:00:00:00:01")
	n.Eventually(waitLong, "the domain in ubr1.macs", func() error {
		if got := macsOf(d, "ubr1"); got != `[{"domain":"web","macs":["52:54:00:00:00:01"]}]` {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})

	// One that a network adopts is named all the same, and moves where it is told to.
	makeTap(n, "vnet1", "fe:54:00:00:00:02")
	n.TapGuest("two", "vnet1")
	hook(n, d, "start", "", "vnet1 52:54:00:00:00:02")
	awaitPorts(n, d, "default", "vnet1")
	n.Eventually(waitLong, "the domain in ubr0.macs", func() error {
		if got := macsOf(d, "ubr0"); got != `[{"domain":"web","macs":["52:54:00:00:00:02"]}]` {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})
	hook(n, d, "reconnect", "lab", "vnet1 52:54:00:00:00:02")
	awaitPorts(n, d, "default")
	awaitPorts(n, d, "lab", "vnet0", "vnet1")

	// What was decided by hand stays.
	d.Run("port", "del", "lab", "vnet1")
	if said := hook(n, d, "reconnect", "lab", "vnet1 52:54:00:00:00:02"); !strings.Contains(said, "port del") {
		t.Errorf("taken off by hand; said: %q", said)
	}
	d.Run("port", "add", "default", "vnet1")
	if said := hook(n, d, "reconnect", "lab", "vnet1 52:54:00:00:00:02"); !strings.Contains(said, "port of network default") {
		t.Errorf("added by hand elsewhere; said: %q", said)
	}
	n.Host.Run("ip", "link", "del", "vnet0")
	awaitPorts(n, d, "lab")
}

// TestTheHookFailsSoftly: the domain starts, and why it has no network is said.
func TestTheHookFailsSoftly(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lvsoft")
	d := n.Start(lab.Options{})
	makeTap(n, "vnet0", "fe:54:00:00:00:01")
	for _, c := range []struct{ network, card, word string }{
		{"nowhere", "vnet0 52:54:00:00:00:01", "no network named nowhere"},
		{"default", "vnet7 52:54:00:00:00:01", "vnet7"},
		{"default", "a/b 52:54:00:00:00:01", "a/b"},
		{"default", "vnet0 x", "no MAC"},
		{"default", "eth0 52:54:00:00:00:01", "10.9.0.2"},
		{"default", "ubr0 52:54:00:00:00:01", "host port"},
	} {
		// The interface beside the bad one is attached.
		makeTap(n, "vnet9", "fe:54:00:00:00:09")
		if said := hook(n, d, "start", c.network, c.card, "vnet9 52:54:00:00:00:09"); !strings.Contains(said, c.word) {
			t.Errorf("%s: %q is not said in %q", c.card, c.word, said)
		}
		if c.network == "default" && !slices.Equal(portNames(d, "default"), []string{"vnet9"}) {
			t.Errorf("%s: ports %v", c.card, portNames(d, "default"))
		}
		n.Host.Run("ip", "link", "del", "vnet9")
		awaitPorts(n, d, "default")
	}
	d.Crash()
	if said := hook(n, d, "start", "default", "vnet0 52:54:00:00:00:01"); !strings.Contains(said, "no daemon answers") {
		t.Errorf("without a daemon: %q", said)
	}
	d = d.Again()
	if p := d.Port("ubr0"); p.State != api.StateUp {
		t.Errorf("%+v", p)
	}
}
