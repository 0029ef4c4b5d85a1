package lifecycle

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ubridge/internal/api"
	"ubridge/test/lab"
)

// TestCrashIsSurvived kills a daemon under load. The next one takes over leases,
// stations and flows, and a stream through NAT goes on: nobody resets it in
// between.
func TestCrashIsSurvived(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "lifecrash")
	d := n.Start(lab.Options{})
	one, two := d.Join("one"), d.Join("two")
	if err := one.Reach(two.Addr); err != nil {
		t.Error(err)
	}
	s := n.Stream(one)
	s.Advances("before the crash")
	wire := n.Server.Capture("eth0", "src host "+lab.HostAddr+" and (icmp or tcp[tcpflags] & tcp-rst != 0)")
	leases, flows, stations := d.Leases("default"), flowsOf(d), stationsOf(d)

	d.Crash()
	time.Sleep(1500 * time.Millisecond) // the server goes on sending to the host meanwhile
	if frames := wire.Frames(); len(frames) != 0 {
		t.Errorf("while the daemon is dead the host says %x", frames[0].Data)
	}
	hostTalks(t, n)
	d = d.Again()
	if diff := cmp.Diff(leases, d.Leases("default")); diff != "" {
		t.Errorf("leases, before - after +:\n%s", diff)
	}
	if got := stationsOf(d); !includes(got, stations) {
		t.Errorf("stations are %v, were %v", got, stations)
	}
	if got := flowsOf(d); !includes(got, flows) {
		t.Errorf("flows are %v, were %v", got, flows)
	}
	s.Advances("after the crash")
	if err := lab.Fetch(two.NS, 1<<20); err != nil {
		t.Errorf("a new flow after the crash: %v", err)
	}
	wire.Stop()
	if frames := wire.Frames(); len(frames) != 0 {
		t.Errorf("the host has sent %d resets or ICMP messages, the first %x", len(frames), frames[0].Data)
	}
}

// hostTalks has the host itself reach the same server, whose packets to the host
// are not those of a flow.
func hostTalks(t *testing.T, n *lab.Net) {
	t.Helper()
	if err := lab.Fetch(n.Host, 1<<20); err != nil {
		t.Errorf("the host's own connection: %v", err)
	}
}

// TestCaptureWouldShowResets proves the witness of TestCrashIsSurvived: where
// nothing keeps the host silent, it does answer.
func TestCaptureWouldShowResets(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "liferst")
	d := n.Start(lab.Options{})
	one := d.Join("one")
	s := n.Stream(one)
	s.Advances("at first")
	wire := n.Server.Capture("eth0", "src host "+lab.HostAddr+" and (icmp or tcp[tcpflags] & tcp-rst != 0)")
	d.Crash()
	n.Host.Run("tc", "qdisc", "del", "dev", "eth0", "clsact")
	n.Eventually(waitLong, "a reset by the host", func() error {
		if len(wire.Frames()) == 0 {
			return errors.New("none seen")
		}
		return nil
	})
}

func flowsOf(d *lab.Daemon) (list []string) {
	for _, f := range d.Flows("default") {
		if f.Proto == "tcp" {
			list = append(list, f.Inside+" "+f.Outside+" "+f.Remote)
		}
	}
	return list
}

func stationsOf(d *lab.Daemon) (list []string) {
	for _, s := range d.Stations("default") {
		list = append(list, s.MAC+" "+s.Port)
	}
	return list
}

func includes(all, some []string) bool {
	return len(some) > 0 && !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// TestHostIsSilentWhileTheDaemonIsDead has nothing run but what a dead daemon has
// left.
func TestHostIsSilentWhileTheDaemonIsDead(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifedead")
	d := n.Start(lab.Options{})
	g := d.Join("one")
	d.AwaitPort(g.Port, api.StateUp)
	d.Crash()
	silent(t, n, g, "while the daemon is dead")
}
