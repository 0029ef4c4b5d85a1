package guests

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// startInside makes a machine a host: an uplink, a resolver, a daemon, and a
// second card that is a port.
const startInside = `
ip addr add 10.9.0.3/24 dev eth0 && ip link set eth0 up && ip route add default via 10.9.0.1
echo nameserver 10.9.0.1 >/etc/resolv.conf
(ubridge run >/tmp/log 2>&1; echo "ended: $?" >>/tmp/log) &
for i in $(seq 100); do ubridge net list >/dev/null 2>&1 && break; sleep 0.2; done
ubridge port add default eth1 || { cat /tmp/log; exit 1; }
`

// The daemon runs on Debian 12's own kernel: a machine with an uplink and a LAN
// serves a client on that LAN.
func TestInsideDebian12(t *testing.T) {
	if testing.Short() {
		t.Skip("machines take seconds to boot")
	}
	testnet.Require(t, "qemu-system-x86_64", "dig", "udhcpc")
	n := lab.New(t, "gu")
	n.Host.Tap("up0", 0, 1)
	n.Host.Tap("lan0", 0, 1)
	client := n.Guest("client")
	n.Host.Bridge("outside", "eth0", "up0")
	n.Host.Bridge("inside", "lan0", client.Port)
	m := n.Host.Boot(testnet.GuestConfig{
		Name: "debian12", Kernel: testnet.Full, Memory: 512,
		Modules: []string{"tun", "veth", "sch_ingress", "cls_bpf", "nf_tables", "nft_fwd_netdev"},
		NICs:    []testnet.NIC{{Tap: "up0"}, {Tap: "lan0"}},
		Files:   map[string]string{"/usr/bin/ubridge": testnet.Binary(t)},
	})
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := m.Try("cat /tmp/log; ubridge port list")
			t.Logf("in the machine:\n%s", out)
		}
	})
	if release := m.Run("uname -r"); !strings.HasPrefix(release, "6.1.") {
		t.Fatalf("the kernel is %s, want Debian 12's 6.1", release)
	}
	m.Run(startInside)

	lease := client.Lease("-x", "hostname:client")
	if lease["router"] != lab.Gateway || lease["dns"] != lab.Gateway {
		t.Errorf("lease %v", lease)
	}
	for name, want := range map[string]string{"client": client.Addr, lab.ServerName: lab.ServerAddr} {
		for _, how := range []string{"+notcp", "+tcp"} {
			got := strings.TrimSpace(client.Run("dig", "+short", "+timeout=5", how, "@"+lab.Gateway, name))
			if got != want {
				t.Errorf("%s by %s is %q, want %s", name, how, got, want)
			}
		}
	}
	if err := lab.Fetch(client.NS, 8<<20); err != nil {
		t.Error(err)
	}
	if err := client.Reach(lab.ServerAddr); err != nil {
		t.Error(err)
	}
	if seen, err := lab.WhoAmI(client.NS); err != nil || !strings.HasPrefix(seen, "10.9.0.3:") {
		t.Errorf("seen outside as %s, %v; want the machine's address", seen, err)
	}
	fastInside(t, m, client, "default", 2, lab.ServerAddr)
	doctor(t, m)
	bridgeInside(t, m, client)
	stopInside(t, m)
}

// fastInside requires that this kernel takes the fast path's programs at so many of the
// network's ports, and that they do the work: a stopped daemon is the witness.
func fastInside(t *testing.T, m *testnet.Guest, client *lab.Guest, network string, ports int, addr string) {
	t.Helper()
	var infos []api.NetworkInfo
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		if err := json.Unmarshal([]byte(m.Run("ubridge net info "+network+" --json")), &infos); err != nil || len(infos) != 1 {
			t.Fatalf("%d networks, %v", len(infos), err)
		}
		f := infos[0].FastPath
		if f.Ports == ports && f.Off == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("on the fast path: %+v, want %d", f, ports)
		}
	}
	ping := client.Start("ping", "-n", "-i", "0.2", addr)
	ping.WaitFor("icmp_seq=10", time.Minute)
	m.Run("kill -STOP $(pidof ubridge)")
	ping.WaitFor("icmp_seq=30", time.Minute)
	m.Run("kill -CONT $(pidof ubridge)")
	ping.Kill()
}

// bridgeInside puts the client on the LAN of the machine's NIC, beside the machine
// itself. This kernel has no tcx: the NIC gets a clsact filter, which outlives a
// daemon that is killed and is taken away by the command.
func bridgeInside(t *testing.T, m *testnet.Guest, client *lab.Guest) {
	t.Helper()
	m.Run("ubridge port del default eth1 && ubridge net create lan --mode bridge --uplink eth0 && ubridge port add lan eth1")
	client.Run("ip", "addr", "flush", "dev", "eth0")
	client.Run("ip", "addr", "add", "10.9.0.77/24", "dev", "eth0")
	reach := func(when string) {
		t.Helper()
		for _, addr := range []string{"10.9.0.3", lab.RouterAddr} {
			if err := client.Reach(addr); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
		m.Run("ping -c 1 -W 5 10.9.0.77 && ping -c 1 -W 5 " + lab.RouterAddr)
	}
	reach("in mode bridge")
	fastInside(t, m, client, "lan", 3, lab.RouterAddr)
	m.Run("kill -9 $(pidof ubridge); sleep 1; ping -c 1 -W 5 " + lab.RouterAddr)
	for _, addr := range []string{"10.9.0.3", lab.RouterAddr} {
		if err := client.Reach(addr); err != nil {
			t.Errorf("the daemon being dead: %v", err)
		}
	}
	if out := m.Run("ubridge net restore eth0"); !strings.Contains(out, "tc filter ubridge-share") || !strings.Contains(out, "tc filter ubridge-nicin") || !strings.Contains(out, "promiscuous") || !strings.Contains(out, "qdisc clsact") {
		t.Errorf("net restore beside a dead daemon: %s", out)
	}
	m.Run(startInsideAgain)
	reach("after a crash")
}

// startInsideAgain starts the daemon anew, on its state.
const startInsideAgain = `
(ubridge run >/tmp/log 2>&1; echo "ended: $?" >>/tmp/log) &
for i in $(seq 100); do ubridge net list 2>/dev/null | grep -q lan && break; sleep 0.2; done
`

// doctor must find nothing wrong in the machine.
func doctor(t *testing.T, m *testnet.Guest) {
	t.Helper()
	var checks []api.Check
	if err := json.Unmarshal([]byte(m.Run("ubridge doctor --json")), &checks); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range checks {
		t.Logf("%s %s: %s", c.Status, c.Check, c.Detail)
		seen[c.Check] = true
		if c.Status != api.CheckOK {
			t.Errorf("doctor: %+v", c)
		}
	}
	for _, want := range []string{"CAP_BPF", "/dev/net/tun", "ebpf", "steering", "route", "resolvers"} {
		if !seen[want] {
			t.Errorf("doctor says nothing of %s", want)
		}
	}
}

// stopInside stops the daemon, which must leave nothing.
func stopInside(t *testing.T, m *testnet.Guest) {
	t.Helper()
	out := m.Run("kill $(pidof ubridge); for i in $(seq 100); do grep ended /tmp/log && break; sleep 0.2; done; ip link")
	if !strings.Contains(out, "ended: 0") || strings.Contains(out, "ubr0") {
		t.Errorf("after SIGTERM: %s", out)
	}
}
