package steer

import (
	"bufio"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

// TestMain lets the test binary play the daemon that is killed.
func TestMain(m *testing.M) {
	if ifindex, err := strconv.Atoi(os.Getenv("STEER_VICTIM")); err == nil {
		victim(ifindex, os.Getenv("STEER_NFT") == "yes")
	}
	os.Exit(m.Run())
}

// victim steers heldPort on the device, says so, and waits for its death.
func victim(ifindex int, nft bool) {
	s, err := Open(Options{ForceNFT: nft, First: heldPort, Last: heldPort})
	if err == nil {
		hold(s, heldPort)
		err = s.SetOutside([]netip.Addr{hostAddr})
	}
	if err == nil {
		err = s.AttachUplink(ifindex)
	}
	if err != nil {
		_, _ = os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString("steering\n")
	select {}
}

// kill starts a victim in the host's namespace and kills it with SIGKILL.
func kill(t *testing.T, b *bed, nft bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STEER_VICTIM="+strconv.Itoa(b.ifindex))
	if nft {
		cmd.Env = append(cmd.Env, "STEER_NFT=yes")
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	b.host.Must(cmd.Start)
	line, _ := bufio.NewReader(out).ReadString('\n')
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if line != "steering\n" {
		t.Fatalf("victim: %q", line)
	}
}

// TestSteeringOutlivesSIGKILL kills a daemon, sees its filter in force, and
// takes over with other ports, from either backend to either.
func TestSteeringOutlivesSIGKILL(t *testing.T) {
	for _, tc := range []struct {
		name           string
		before, after  bool // fallback?
		first, newPort int
	}{
		{"bpf to bpf", false, false, heldPort, freePort},
		{"nft to nft", true, true, heldPort, freePort},
		{"bpf to nft", false, true, heldPort, freePort},
		{"nft to bpf", true, false, heldPort, freePort},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			kill(t, b, tc.before)
			b.wantRefused(t, "tcp", heldPort, 0, false)
			b.wantRefused(t, "tcp", freePort, 0, true)

			s := open(t, b.host, Options{ForceNFT: tc.after, First: freePort, Last: freePort})
			hold(s, freePort)
			b.host.Must(func() error {
				if err := s.SetOutside([]netip.Addr{hostAddr}); err != nil {
					return err
				}
				return s.AttachUplink(b.ifindex)
			})
			b.wantRefused(t, "tcp", heldPort, 0, true)
			b.wantRefused(t, "tcp", freePort, 0, false)
			if got := strings.Count(left(b.host, "v0"), "ubridge-uplink"); got != 1 {
				t.Errorf("%d filters after the takeover, want 1:\n%s", got, left(b.host, "v0"))
			}
			b.host.Must(func() error { return s.DetachUplink(b.ifindex) })
			wantNothingLeft(t, b.host, "v0")
		})
	}
}

// TestSwapHidesNoMoment replaces the filter over and over under a stream of
// connection attempts to a held port: the host must never answer one.
func TestSwapHidesNoMoment(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	attach := func() *Steering {
		s := open(t, b.host, Options{First: 61000, Last: 65535})
		hold(s, heldPort)
		b.host.Must(func() error {
			if err := s.SetOutside([]netip.Addr{hostAddr}); err != nil {
				return err
			}
			return s.AttachUplink(b.ifindex)
		})
		return s
	}
	s := attach()
	done := make(chan bool)
	go func() {
		answered := false
		for range 5 {
			answered = answered || b.refused(t, "tcp", heldPort, 0)
		}
		done <- answered
	}()
	for swaps := 0; ; swaps++ {
		select {
		case answered := <-done:
			if answered || swaps < 3 {
				t.Errorf("after %d swaps: host answered %v", swaps, answered)
			}
			b.host.Must(func() error { return s.DetachUplink(b.ifindex) })
			return
		default:
			s = attach()
		}
	}
}

// TestClsactOfOthersStays leaves a qdisc or a filter that is not ours.
func TestClsactOfOthersStays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		qdisc  string
		parent uint32 // 0: no filter
	}{
		"qdisc":          {"clsact", 0},
		"ingress qdisc":  {"ingress", 0},
		"egress filter":  {"clsact", netlink.HANDLE_MIN_EGRESS},
		"ingress filter": {"clsact", netlink.HANDLE_MIN_INGRESS},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.host.Run("tc qdisc add dev v0 " + tc.qdisc)
			s := open(t, b.host, Options{First: 61000, Last: 65535})
			if tc.parent != 0 {
				foreignFilter(t, b, s, tc.parent)
			}
			show := "tc qdisc show dev v0\ntc filter show dev v0 ingress\ntc filter show dev v0 egress"
			want := b.host.Run(show)
			b.host.Must(func() error { return s.AttachSilence(b.ifindex) })
			if got := b.host.Run(show); got == want {
				t.Fatal("attach changed nothing")
			}
			b.host.Must(func() error { return s.DetachSilence(b.ifindex) })
			if got := b.host.Run(show); got != want {
				t.Errorf("after detach:\n%swant:\n%s", got, want)
			}
		})
	}
}

// foreignFilter attaches somebody else's program.
func foreignFilter(t *testing.T, b *bed, s *Steering, parent uint32) {
	t.Helper()
	f := newFilter(silenceRole, b.ifindex, 7, s.backend.(*programs).objects.Silence.FD())
	f.Name, f.Parent, f.Priority = "theirs", parent, 7
	b.host.Must(func() error { return netlink.FilterAdd(f) })
}

// TestClsactStaysForAFilterThatCameLater made it, but is not alone any more.
func TestClsactStaysForAFilterThatCameLater(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := open(t, b.host, Options{First: 61000, Last: 65535})
	b.host.Must(func() error { return s.AttachSilence(b.ifindex) })
	foreignFilter(t, b, s, netlink.HANDLE_MIN_EGRESS)
	b.host.Must(func() error { return s.DetachSilence(b.ifindex) })
	if out := b.host.Run("tc filter show dev v0 egress"); !strings.Contains(out, "theirs") {
		t.Errorf("another's filter is gone: %q", out)
	}
}

// TestDetachOfAVanishedDevice is no error, with either backend.
func TestDetachOfAVanishedDevice(t *testing.T) {
	backends(t, func(t *testing.T, o Options) {
		b := newBed(t)
		s := open(t, b.host, o)
		b.host.Must(func() error { return s.AttachSilence(b.ifindex) })
		b.host.Run("ip link del v0")
		b.host.Must(func() error { return s.DetachSilence(b.ifindex) })
		if out := b.host.Run("nft list ruleset"); out != "" {
			t.Errorf("left behind:\n%s", out)
		}
		if err := b.host.Do(func() error { return s.AttachSilence(b.ifindex) }); err == nil {
			t.Error("attaching to a device that is gone succeeded")
		}
	})
}
