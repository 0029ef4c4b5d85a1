package lifecycle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ubridge/internal/api"
	"ubridge/test/lab"
)

func network(d *lab.Daemon, name string) (api.Network, bool) {
	list := d.Networks()
	at := slices.IndexFunc(list, func(n api.Network) bool { return n.Name == name })
	if at < 0 {
		return api.Network{}, false
	}
	return list[at], true
}

// TestSecondNetwork leads one through its life.
func TestSecondNetwork(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifesecond")
	d := n.Start(lab.Options{})
	one := n.Guest("one")
	d.Settle()
	before := stateOf(n.Host)
	d.Run("net", "create", "second", "--subnet", "10.77.0.0/24", "--domain", "second.example")
	second, _ := network(d, "second")
	if !second.Active || !second.Autostart || !second.Persistent || second.Bridge != "ubr1" || !slices.Equal(second.Subnets, []string{"10.77.0.0/24"}) {
		t.Errorf("net list: %+v", second)
	}
	d.Run("port", "add", "second", one.Port)
	d.Refuse(1, "port", "add", "default", one.Port) // it is another's
	one.Lease()
	if !strings.HasPrefix(one.Addr, "10.77.0.") {
		t.Errorf("leased %s", one.Addr)
	}
	d.Refuse(1, "net", "create", "second")
	d.Refuse(1, "net", "create", "third", "--subnet", "10.77.0.128/25")

	d.Run("net", "stop", "second")
	if second, _ := network(d, "second"); second.Active {
		t.Errorf("after net stop: %+v", second)
	}
	d.Refuse(1, "port", "add", "second", "vnet0")
	unchanged(t, n, before, "net stop")
	d.Run("net", "start", "second")
	d.AwaitPort(one.Port, api.StateUp)
	had := one.Addr
	one.Lease()
	if one.Addr != had {
		t.Errorf("leased %s, had %s", one.Addr, had)
	}
	d.Stop()
	d = d.Again()
	if second, _ := network(d, "second"); !second.Active {
		t.Errorf("after a restart: %+v", second)
	}
	d.Run("net", "stop", "second")
	d.Run("net", "undefine", "second")
	if _, there := network(d, "second"); there {
		t.Error("undefined and still listed")
	}
	d.Refuse(3, "net", "start", "second")
}

// TestDefinedNetworkIsNotStarted until someone starts it.
func TestDefinedNetworkIsNotStarted(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifedefine")
	d := n.Start(lab.Options{})
	file := filepath.Join(n.Dir(), "quiet.toml")
	if err := os.WriteFile(file, []byte("address = \"10.78.0.1/24\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.Run("net", "define", file)
	for range 2 {
		quiet, there := network(d, "quiet")
		if !there || quiet.Active || quiet.Autostart || !quiet.Persistent {
			t.Errorf("net list: %+v", quiet)
		}
		d.Stop()
		d = d.Again()
	}
	d.Run("net", "start", "quiet")
	d.Crash() // a network that ran goes on, whatever its autostart
	d = d.Again()
	if quiet, _ := network(d, "quiet"); !quiet.Active {
		t.Errorf("after a crash: %+v", quiet)
	}
	if err := os.WriteFile(file, []byte("address = \"10.78.0.1/24\"\nmtu = \"large\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if said := d.Try("net", "define", file); said.Code == 0 || !strings.Contains(said.Stderr, "mtu") || !strings.Contains(said.Stderr, "2") {
		t.Errorf("net define of a bad file: exit code %d, %s", said.Code, said.Stderr)
	}
}

// TestAutomaticNetworksGiveWay has one, first by name, that names neither subnet
// nor bridge, beside one that wants what it would take.
func TestAutomaticNetworksGiveWay(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifegiveway")
	d := n.Start(lab.Options{Config: map[string]string{
		"networks.d/automatic.toml": "autostart = true\n",
		"networks.d/default.toml":   "bridge = \"ubr0\"\naddress = \"192.168.122.1/24\"\n",
	}})
	for range 2 {
		wanted, _ := network(d, "default")
		automatic, _ := network(d, "automatic")
		if !wanted.Active || wanted.Bridge != "ubr0" || !slices.Equal(wanted.Subnets, []string{"192.168.122.0/24"}) {
			t.Errorf("net list: %+v", wanted)
		}
		if !automatic.Active || automatic.Bridge != "ubr1" || !slices.Equal(automatic.Subnets, []string{"192.168.123.0/24"}) {
			t.Errorf("net list: %+v", automatic)
		}
		d.Stop()
		d = d.Again()
	}
}

// TestNetworksAreSeparated has guests of two networks, which are both virtual on
// this host, and opens one way by egress.
func TestNetworksAreSeparated(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "lifetwonets")
	d := n.Start(lab.Options{Config: map[string]string{
		"networks.d/open.toml":    "address = \"10.79.0.1/24\"\n[nat]\negress = [\"ubr0\"]\n",
		"networks.d/closed.toml":  "address = \"10.80.0.1/24\"\n",
		"networks.d/default.toml": "bridge = \"ubr0\"\n",
	}})
	target, open, closed := d.Join("target"), d.JoinTo("open", "open"), d.JoinTo("closed", "closed")
	for _, g := range []*lab.Guest{open, closed} {
		if err := lab.Fetch(g.NS, 1<<16); err != nil {
			t.Errorf("guest %s to the world: %v", g.Host, err)
		}
	}
	refused(t, closed, target.Addr)
	refused(t, closed, open.Addr)
	refused(t, target, open.Addr)
	if err := open.Reach(target.Addr); err != nil {
		t.Errorf("with egress: %v", err)
	}
}

// refused holds a guest to be told that an address is not for it, which is not
// the same as silence.
func refused(t *testing.T, g *lab.Guest, addr string) {
	t.Helper()
	err := g.Reach(addr)
	if err == nil {
		t.Errorf("guest %s reaches %s", g.Host, addr)
		return
	}
	if !strings.Contains(err.Error(), "From ") {
		t.Errorf("guest %s is not told that %s is refused: %v", g.Host, addr, err)
	}
}
