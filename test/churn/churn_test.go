package churn

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// busy is how long everything goes on at once.
const busy = 4 * time.Second

// hostState lists what a daemon could leave behind on a host.
func hostState(n *testnet.NS) map[string][]string {
	state := map[string][]string{}
	for title, command := range map[string]string{
		"links":      "ip -o link",
		"addresses":  "ip -o addr",
		"qdiscs":     "tc qdisc show",
		"filters":    "for d in $(ls /sys/class/net); do tc filter show dev $d ingress; tc filter show dev $d egress; done",
		"ruleset":    "nft list ruleset",
		"parameters": "sysctl -a 2>/dev/null | grep '^net\\.ipv[46]\\.conf\\.'",
	} {
		lines := strings.Split(n.Run("sh", "-c", command), "\n")
		slices.Sort(lines)
		state[title] = lines
	}
	return state
}

// scene is a host with two guests behind veths and a third end that changes
// hands.
type scene struct {
	*lab.Net
	t      *testing.T
	guests map[string]*lab.Guest
	before map[string][]string
}

func newScene(t *testing.T, prefix string) *scene {
	s := &scene{Net: lab.New(t, prefix), t: t, guests: map[string]*lab.Guest{}}
	for _, name := range []string{"one", "two", "three"} {
		s.guests[name] = s.Guest(name)
	}
	s.before = hostState(s.Host)
	return s
}

// unchanged holds the host to its state before the first daemon.
func (s *scene) unchanged(after string) {
	s.t.Helper()
	if diff := cmp.Diff(s.before, hostState(s.Host)); diff != "" {
		s.t.Errorf("after %s the host is not as it was, before - after +:\n%s", after, diff)
	}
}

// clean fails the test where a daemon's log tells of what must not be.
func clean(t *testing.T, d *lab.Daemon) {
	t.Helper()
	for _, bad := range []string{"DATA RACE", "panic:", "fatal error"} {
		if at := strings.Index(d.Output(), bad); at >= 0 {
			t.Errorf("%s in the daemon's log:\n%s", bad, d.Output()[at:min(len(d.Output()), at+6000)])
		}
	}
}

// loop runs an action again and again until ctx ends.
func loop(ctx context.Context, wg *sync.WaitGroup, action func(i int)) {
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			action(i)
		}
	})
}

// commands are what administrators do, each over and over.
func (s *scene) commands(d *lab.Daemon) (actions []func(int)) {
	for _, list := range []string{"net list --all", "net info default", "net leases default", "port list", "fdb", "nat flows", "doctor"} {
		actions = append(actions, func(int) { d.Try(append(strings.Fields(list), "--json")...) })
	}
	return append(actions,
		func(i int) {
			tap := fmt.Sprintf("churn%d", i%3)
			d.Try("port", "add", "default", tap)
			d.Try("port", "del", "default", tap)
		},
		func(int) {
			d.Try("net", "create", "other", "--subnet", "192.168.200.0/24")
			d.Try("port", "add", "other", "vthree")
			d.Try("net", "stop", "other")
			d.Try("net", "start", "other")
			d.Try("net", "stop", "other")
			d.Try("net", "undefine", "other")
		},
		func(int) {
			_, _ = s.Host.Try("ip", "link", "set", "vtwo", "down")
			_, _ = s.Host.Try("ip", "link", "set", "vtwo", "up", "mtu", "1400")
			_, _ = s.Host.Try("ip", "link", "set", "vtwo", "mtu", "1500")
		},
		func(i int) {
			_, _ = s.Host.Try("ip", "addr", "add", "10.9.0.77/24", "dev", "eth0")
			_, _ = s.Host.Try("ip", "route", "replace", "203.0.113.0/24", "via", lab.RouterAddr, "src", "10.9.0.77")
			_, _ = s.Host.Try("ip", "addr", "del", "10.9.0.77/24", "dev", "eth0")
		})
}

// traffic is what a guest does, over and over.
func traffic(g *lab.Guest) []func(int) {
	return []func(int){
		func(int) { _, _ = g.Try("ping", "-q", "-c", "3", "-i", "0.05", "-W", "1", lab.ServerAddr) },
		func(int) {
			_, _ = g.Try("curl", "-s", "-o", "/dev/null", "--max-time", "2", "http://"+lab.ServerAddr+"/")
		},
		func(int) { _, _ = g.Try("busybox", "nslookup", lab.ServerName, lab.Gateway) },
		func(i int) { // a scan: of dead neighbours of the host, and of the world
			_, _ = g.Try("bash", "-c", fmt.Sprintf("for a in $(seq 1 200); do echo x >/dev/udp/10.9.0.$a/9; echo x >/dev/udp/198.18.%d.$a/9; done 2>/dev/null", i%250))
		},
		func(int) { _, _ = g.TryLease("-t", "2") },
	}
}

// begin starts everything that goes on at once; the returned function waits for
// its end after ctx ends.
func (s *scene) begin(ctx context.Context, d *lab.Daemon, guests ...*lab.Guest) (wait func()) {
	var wg sync.WaitGroup
	actions := s.commands(d)
	for _, g := range guests {
		actions = append(actions, traffic(g)...)
	}
	for _, action := range actions {
		loop(ctx, &wg, action)
	}
	return wg.Wait
}

func TestSIGTERMInTheMiddle(t *testing.T) {
	s := newScene(t, "churn")
	d := s.Start(lab.Options{})
	one, two := guest(s, d, "one"), guest(s, d, "two")
	ctx, cancel := context.WithCancel(t.Context())
	wait := s.begin(ctx, d, one, two)
	time.Sleep(busy)
	for title := range s.before {
		if cmp.Equal(s.before[title], hostState(s.Host)[title]) && title != "ruleset" {
			t.Errorf("%s are as before while a daemon runs: the comparison shows nothing", title)
		}
	}
	d.Stop() // with everything still going on
	cancel()
	wait()
	clean(t, d)
	s.settle()
	s.unchanged("SIGTERM in the middle of everything")

	d = d.Again()
	one.Lease()
	if err := one.Reach(lab.ServerAddr); err != nil {
		t.Errorf("after the next start: %v", err)
	}
	d.Stop()
	clean(t, d)
	s.unchanged("a quiet run")
}

// Killed at any moment, a daemon leaves nothing that the next one does not take
// over or put back.
func TestSIGKILLAtAnyMoment(t *testing.T) {
	s := newScene(t, "churnkill")
	d := s.Start(lab.Options{})
	one, two := guest(s, d, "one"), guest(s, d, "two")
	for i := range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		wait := s.begin(ctx, d, one, two)
		time.Sleep(time.Duration(200+270*i) * time.Millisecond)
		d.Crash()
		cancel()
		wait()
		clean(t, d)
		d = d.Again()
	}
	for _, tap := range []string{"churn0", "churn1", "churn2"} {
		d.Try("port", "del", "default", tap)
	}
	one.Lease()
	if err := one.Reach(lab.ServerAddr); err != nil {
		t.Errorf("after all the crashes: %v", err)
	}
	d.Stop()
	clean(t, d)
	s.settle()
	s.unchanged("five crashes and a clean stop")
}

// guest is a guest of the scene, joined.
func guest(s *scene, d *lab.Daemon, name string) *lab.Guest {
	s.t.Helper()
	g := s.guests[name]
	d.Run("port", "add", "default", g.Port)
	g.Lease()
	return g
}

// settle undoes what the test itself does to the host.
func (s *scene) settle() {
	_, _ = s.Host.Try("ip", "addr", "del", "10.9.0.77/24", "dev", "eth0")
	s.Host.Run("ip", "link", "set", "vtwo", "up", "mtu", "1500")
	s.Eventually(10*time.Second, "links that are up", func() error {
		if out := s.Host.Run("ip", "-o", "link", "show", "vtwo"); !strings.Contains(out, "state UP") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
}
