package lifecycle

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

func TestFirstRun(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifefirst")
	d := n.Start(lab.Options{})
	for range 2 { // the second time with what the first has kept
		nets := d.Networks()
		if len(nets) != 1 || nets[0].Name != "default" || nets[0].Mode != "nat" || nets[0].Bridge != "ubr0" ||
			!nets[0].Active || !nets[0].Autostart || !nets[0].Persistent || !slices.Equal(nets[0].Subnets, []string{"192.168.122.0/24"}) {
			t.Errorf("net list: %+v", nets)
		}
		info := d.Info("default")
		if info.Gateway != "192.168.122.1/24" || !slices.Equal(info.LeaseRange, []string{"192.168.122.2-192.168.122.254"}) || info.Uplink != "eth0" {
			t.Errorf("net info: %+v", info)
		}
		if addr := n.Host.Run("ip", "-4", "-o", "addr", "show", "dev", "ubr0"); !strings.Contains(addr, " 192.168.122.1/24 ") {
			t.Errorf("ubr0: %s", addr)
		}
		if mac := n.Host.MAC("ubr0"); mac != info.GatewayMAC {
			t.Errorf("ubr0 has %s, net info says %s", mac, info.GatewayMAC)
		}
		d.WaitFor("-netdev tap,id=[^ ]+,ifname=vnet0,script=no,downscript=no", waitLong)
		d.Stop()
		d = d.Again()
	}
}

// TestSubnetInUse has the host use what the network would take.
func TestSubnetInUse(t *testing.T) {
	for _, in := range []struct {
		name, prefix, what string
		occupy             []string
		gateway            string
	}{
		{"an address", "lifeaddr", "192.168.122.0/24 dev other", []string{"ip addr add 192.168.122.77/24 dev other"}, "192.168.123.1/24"},
		{"a route", "liferoute", "192.168.122.128/25", []string{"ip route add 192.168.122.128/25 dev other"}, "192.168.123.1/24"},
		{"two routes", "lifetwo", "192.168.122.0/23", []string{"ip route add 192.168.122.0/23 dev other", "ip route add 192.168.124.9/32 dev other"}, "192.168.125.1/24"},
	} {
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			n := lab.Quiet(t, in.prefix)
			n.Veth(n.Host, "other", n.Server, "other")
			for _, command := range in.occupy {
				n.Host.Run("sh", "-c", command)
			}
			d := n.Start(lab.Options{})
			if got := d.Info("default").Gateway; got != in.gateway {
				t.Errorf("the network is at %s, want %s", got, in.gateway)
			}
			d.WaitFor("192.168.122.0/24 is in use on this host .*"+in.what, waitLong)
			d.Stop()

			d = n.Launch(lab.Options{Config: map[string]string{"networks.d/default.toml": "address = \"192.168.122.1/24\"\n"}})
			fails(t, d.Proc, 1, "192.168.122.0/24", in.what, "other")
		})
	}
}

// fails waits for the end of a daemon that cannot run: an exit code, and one
// line that holds some words.
func fails(t *testing.T, p *testnet.Proc, code int, words ...string) {
	t.Helper()
	err := p.Wait(waitLong)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != code {
		t.Errorf("%s ended with %v, want exit code %d; it wrote:\n%s", p, err, code, p.Output())
	}
	said := p.Output()
	last := said[strings.LastIndex(strings.TrimRight(said, "\n"), "\n")+1:]
	if !strings.HasPrefix(last, "ubridge: ") {
		t.Errorf("the last line is no reason: %q in\n%s", last, said)
	}
	for _, word := range words {
		if !strings.Contains(last, word) {
			t.Errorf("%q is not said in %q", word, last)
		}
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifelock")
	d := n.Start(lab.Options{})
	dirs := *n.MakeDirs() // another runtime directory
	dirs.State = d.State
	second := n.Launch(lab.Options{Dirs: &dirs})
	fails(t, second.Proc, 1, d.State, "pid", itoa(d.Pid()))
	if got := d.Info("default"); !got.Active {
		t.Errorf("the first is disturbed: %+v", got)
	}
	d.Stop()
	d.Again()
}
