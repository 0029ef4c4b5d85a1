package fastpath

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"ubridge/test/lab"
)

const patience = 20 * time.Second

// scene is a daemon with the fast path, two guests that know each other, and a stream
// through NAT.
type scene struct {
	*lab.Net
	d        *lab.Daemon
	one, two *lab.Guest
	stream   *lab.Stream
}

func newScene(t *testing.T, prefix string) *scene {
	t.Helper()
	s := &scene{Net: lab.New(t, prefix)}
	s.d = s.Start(lab.Options{Args: []string{"--fastpath", "kernel"}})
	s.one, s.two = s.d.Join("one"), s.d.Join("two")
	for _, to := range []string{s.two.Addr, lab.Gateway} {
		if err := s.one.Reach(to); err != nil {
			t.Fatal(err)
		}
	}
	s.stream = s.Stream(s.one)
	s.stream.Advances("at first")
	s.awaitFast(t)
	return s
}

// awaitFast waits until the ports are on the fast path and the stream's flow is: after a
// change of the routing flows go by user space for up to a second.
func (s *scene) awaitFast(t *testing.T) {
	t.Helper()
	s.Eventually(patience, "all ports on the fast path", func() error {
		if info := s.d.Info("default"); info.FastPath.Ports != 3 || info.FastPath.Off != "" {
			return fmt.Errorf("%+v", info.FastPath)
		}
		return nil
	})
	s.Eventually(patience, "a stream that needs no daemon", func() (err error) {
		time.Sleep(100 * time.Millisecond) // stations and flows are put in
		s.away(func() {
			in, up := s.stream.Received()
			time.Sleep(200 * time.Millisecond)
			if in2, up2 := s.stream.Received(); in2 < in+10 || up2 < up+10 {
				err = fmt.Errorf("%d and %d came while the daemon was stopped", in2-in, up2-up)
			}
		})
		return err
	})
}

// away stops the daemon for as long as fn runs.
func (s *scene) away(fn func()) {
	s.d.Signal(syscall.SIGSTOP)
	defer s.d.Signal(syscall.SIGCONT)
	fn()
}

// TestWhatIsKnownNeedsNoDaemon: guests reach each other, the host and the outside by
// what user space decided before it was stopped.
func TestWhatIsKnownNeedsNoDaemon(t *testing.T) {
	t.Parallel()
	s := newScene(t, "fastaway")
	before := s.d.Port(s.one.Port)
	s.away(func() {
		for _, to := range []string{s.two.Addr, lab.Gateway} {
			pings := s.one.Pings(to)
			time.Sleep(time.Second)
			if sent, lost := pings.Lost(); lost > 0 || sent < 20 {
				t.Errorf("of %d pings to %s %d were lost", sent, to, lost)
			}
		}
		s.stream.Advances("while the daemon is stopped")
	})
	after := s.d.Port(s.one.Port)
	if n := after.RxFrames - before.RxFrames; n < 100 {
		t.Errorf("%d frames were counted on %s", n, s.one.Port)
	}
	if after.TxBytes <= before.TxBytes || after.TxFrames <= before.TxFrames {
		t.Errorf("nothing was counted as sent: %+v, then %+v", before.Counters, after.Counters)
	}
	s.stream.Advances("afterwards")
}

// TestWhatIsNewNeedsTheDaemon: this is what proves the other test.
func TestWhatIsNewNeedsTheDaemon(t *testing.T) {
	t.Parallel()
	s := newScene(t, "fastnew")
	s.away(func() {
		if err := lab.Fetch(s.two.NS, 1<<10); err == nil {
			t.Error("a new connection was made while the daemon was stopped")
		}
	})
	if err := lab.Fetch(s.two.NS, 1<<20); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestAgesAndFlowsAreTrue although only the kernel has seen the frames.
func TestAgesAndFlowsAreTrue(t *testing.T) {
	t.Parallel()
	s := newScene(t, "fastages")
	s.away(func() {
		for range 4 {
			time.Sleep(time.Second)
			s.stream.Advances("while the daemon is stopped")
		}
	})
	for _, st := range s.d.Stations("default") {
		if st.MAC == s.one.MAC() && st.Age > 2 {
			t.Errorf("%s sends all the time and was heard %v s ago", st.MAC, st.Age)
		}
	}
	found := false
	for _, f := range s.d.Flows("default") {
		if f.Proto == "tcp" && f.State == "established" {
			found = true
			if f.ExpiresIn < 5*24*3600-3 {
				t.Errorf("the stream's flow expires in %v s though it is in use", f.ExpiresIn)
			}
		}
	}
	if !found {
		t.Errorf("no established flow: %+v", s.d.Flows("default"))
	}
}

// TestDeathIsNotNoticed: SIGKILL, and another daemon later; no ping between guests is
// lost, the stream goes on at every moment, and the counters go on.
func TestDeathIsNotNoticed(t *testing.T) {
	t.Parallel()
	s := newScene(t, "fastdead")
	before := s.d.Port(s.one.Port)
	pings := s.one.Pings(s.two.Addr)
	s.d.Crash()
	s.stream.Advances("while the daemon is dead")
	time.Sleep(time.Second)
	s.d = s.d.Again()
	s.stream.Advances("with the next daemon")
	if sent, lost := pings.Lost(); lost > 0 || sent < 50 {
		t.Errorf("of %d pings %d were lost", sent, lost)
	}
	if after := s.d.Port(s.one.Port); after.RxFrames <= before.RxFrames {
		t.Errorf("%d frames counted, %d before the crash", after.RxFrames, before.RxFrames)
	}
	s.awaitFast(t)
	s.away(func() { s.stream.Advances("by the kernel again") })
}

// TestMovedStations are found where they are: the guests' devices change their
// addresses with one another.
func TestMovedStations(t *testing.T) {
	t.Parallel()
	s := newScene(t, "fastmove")
	one, two := s.one.MAC(), s.two.MAC()
	for _, g := range []*lab.Guest{s.one, s.two} {
		g.NS.Run("ip", "link", "set", "eth0", "down")
	}
	s.one.NS.Run("ip", "link", "set", "eth0", "address", two)
	s.two.NS.Run("ip", "link", "set", "eth0", "address", one)
	for _, g := range []*lab.Guest{s.one, s.two} {
		g.NS.Run("ip", "link", "set", "eth0", "up")
	}
	s.Eventually(patience, "an answer after the move", func() error { return s.one.Reach(s.two.Addr) })
	s.Eventually(patience, "an answer by the kernel", func() (err error) {
		s.away(func() { err = s.one.Reach(s.two.Addr) })
		return err
	})
}

// TestOneNetworkIsOff: one network's key says otherwise than the daemon.
func TestOneNetworkIsOff(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "fastoff")
	d := n.Start(lab.Options{
		Args:   []string{"--fastpath", "kernel"},
		Config: map[string]string{"networks.d/default.toml": "fastpath = 'off'\n"},
	})
	one := d.Join("one")
	if p := d.Port(one.Port); p.FastPath {
		t.Errorf("%+v is on the fast path", p)
	}
	if info := d.Info("default"); info.FastPath.Mode != "off" || info.FastPath.Ports != 0 {
		t.Errorf("%+v", info.FastPath)
	}
}

// TestWithoutBPF the ports go by user space, and it is said why.
func TestWithoutBPF(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "fastnft")
	d := n.Start(lab.Options{
		Args:   []string{"--fastpath", "kernel"},
		Config: map[string]string{"ubridge.toml": "steering = 'nft'\n"},
	})
	one, two := d.Join("one"), d.Join("two")
	if err := errors.Join(one.Reach(two.Addr), two.Reach(lab.Gateway)); err != nil {
		t.Error(err)
	}
	if info := d.Info("default"); info.FastPath.Off == "" {
		t.Errorf("no reason: %+v", info.FastPath)
	}
	if err := d.Proc.WaitFor("no fast path.*nftables", patience); err == nil {
		t.Error("nothing was said")
	}
}
