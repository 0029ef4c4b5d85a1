package plan

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"ubridge/internal/config"
)

func lab() config.Network {
	n := config.Default("lab")
	n.Address = netip.MustParsePrefix("10.0.0.1/24")
	n.Domain = "lab.example"
	return n
}

func host(n byte, name string) config.DHCPHost {
	return config.DHCPHost{MAC: []byte{0x52, 0x54, 0, 0, 0, n}, IP: netip.AddrFrom4([4]byte{10, 0, 0, n}), Name: name}
}

func TestNothingToDo(t *testing.T) {
	if steps := Diff(lab(), lab()); len(steps) > 0 || len(Parts(steps)) > 0 {
		t.Errorf("%+v", steps)
	}
}

func TestDiff(t *testing.T) {
	to := lab()
	to.Bridge, to.Autostart, to.MTU, to.NAT.Ports = "ubr9", true, 9000, config.PortRange{First: 2000, Last: 3000}
	to.DHCP.Hosts = []config.DHCPHost{host(5, "five")}
	to.DHCP.LeaseTime = 2 * time.Hour
	from := lab()
	from.DHCP.Hosts = []config.DHCPHost{host(4, "four"), host(5, "five")}
	steps := Diff(from, to)
	var got []string
	for _, s := range steps {
		got = append(got, s.Key)
	}
	want := []string{"bridge", "mtu", "autostart", "dhcp.lease_time", "dhcp.hosts", "nat.ports"}
	if !slices.Equal(got, want) {
		t.Fatalf("keys %q, want %q", got, want)
	}
	for i, when := range []When{Restart, Now, Now, Now, Now, Daemon} {
		if steps[i].When != when {
			t.Errorf("%s takes effect %d, want %d", steps[i].Key, steps[i].When, when)
		}
	}
	if l := steps[4].Lines(); !slices.Equal(l, []string{"- mac=52:54:00:00:00:04 ip=10.0.0.4 name=four"}) {
		t.Errorf("lines %q", l)
	}
	if l := steps[4].Undo().Lines(); !slices.Equal(l, []string{"+ mac=52:54:00:00:00:04 ip=10.0.0.4 name=four"}) {
		t.Errorf("lines of the undo %q", l)
	}
	if p := Parts(steps); !slices.Equal(p, []Part{Leases, Link}) {
		t.Errorf("parts %v", p)
	}
}

// What is live is taken over, and nothing else.
func TestLive(t *testing.T) {
	to := lab()
	to.Bridge, to.DHCP.Hosts = "ubr9", []config.DHCPHost{host(5, "five")}
	to.Domain = "other.example"
	steps := Diff(lab(), to)
	got, err := Live(lab(), to, steps)
	if err != nil {
		t.Fatal(err)
	}
	want := lab()
	want.DHCP.Hosts, want.Domain = to.DHCP.Hosts, to.Domain
	if !got.Equal(want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if rest := Diff(got, to); len(rest) != 1 || rest[0].Key != "bridge" {
		t.Errorf("left to do: %+v", rest)
	}
}

// What is written for another subnet waits for it.
func TestAnotherAddress(t *testing.T) {
	to := lab()
	to.Address, to.Autostart = netip.MustParsePrefix("10.9.0.1/24"), true
	to.DHCP.Ranges = []config.Range{{First: netip.MustParseAddr("10.9.0.5"), Last: netip.MustParseAddr("10.9.0.9")}}
	steps := Diff(lab(), to)
	if p := Parts(steps); len(p) > 0 {
		t.Errorf("parts %v", p)
	}
	n, err := Live(lab(), to, steps)
	if err != nil || !n.Autostart || len(n.DHCP.Ranges) > 0 {
		t.Errorf("%+v, %v", n, err)
	}
}

// Every live key is a key, or it would never be found.
func TestLiveKeysExist(t *testing.T) {
	keys := lab().Keys()
	for name := range live {
		if !slices.ContainsFunc(keys, func(k config.Key) bool { return k.Name == name }) {
			t.Errorf("there is no key %s", name)
		}
	}
}

func TestAnotherOrder(t *testing.T) {
	a, b := lab(), lab()
	a.Ports, b.Ports = []string{"x", "y"}, []string{"y", "x"}
	steps := Diff(a, b)
	if len(steps) != 1 || !slices.Equal(steps[0].Lines(), []string{"~ another order"}) {
		t.Errorf("%+v", steps)
	}
}
