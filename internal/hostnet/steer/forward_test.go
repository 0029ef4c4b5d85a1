package steer

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// answers is a program that says nothing but its verdict.
func answers(t *testing.T, b *bed, verdict int32) (fd int) {
	t.Helper()
	var p *ebpf.Program
	b.host.Must(func() (err error) {
		p, err = ebpf.NewProgram(&ebpf.ProgramSpec{
			Type: ebpf.SchedCLS, License: "MIT",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, verdict), asm.Return()},
		})
		return err
	})
	t.Cleanup(func() { _ = p.Close() })
	return p.FD()
}

const (
	actOK   = 0 // TC_ACT_OK: no later filter is asked
	actNext = -1
)

// filters are the names of the filters on a hook, in the order in which the kernel asks.
func (b *bed) filters(hook string) (names []string) {
	for line := range strings.Lines(b.host.Run("tc filter show dev v0 " + hook)) {
		for _, word := range strings.Fields(line) {
			if strings.HasPrefix(word, "ubridge-") {
				names = append(names, word)
			}
		}
	}
	return names
}

// TestOneFilterSilencesOrForwards: each takes the other's place, in one step.
func TestOneFilterSilencesOrForwards(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := open(t, b.host, Options{})
	forward := answers(t, b, actOK)
	b.wantRefused(t, "udp", freePort, 0, true)
	for range 2 {
		b.host.Must(func() error { return s.AttachSilence(b.ifindex) })
		silence := b.forwardID()
		b.wantRefused(t, "udp", freePort, 0, false)
		b.host.Must(func() error { return s.AttachForward(b.ifindex, forward) })
		b.wantRefused(t, "udp", freePort, 0, true)
		if names := b.filters("ingress"); len(names) != 1 {
			t.Errorf("filters %v, want one", names)
		}
		if id := b.forwardID(); id == 0 || id == silence {
			t.Errorf("program %d after %d", id, silence)
		}
	}
	b.host.Must(func() error { return s.DetachSilence(b.ifindex) })
	if id := b.forwardID(); id != 0 {
		t.Errorf("program %d is left", id)
	}
	wantNothingLeft(t, b.host, "v0")
}

func (b *bed) forwardID() (id uint32) {
	b.host.Must(func() (err error) { id, err = ForwardID(b.ifindex); return err })
	return id
}

// TestFlowsGoBeforeTheUplink, whichever was attached first, and stay there when they are
// replaced: what the first program takes, the second does not see.
func TestFlowsGoBeforeTheUplink(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]bool{"flows first": true, "uplink first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			s := open(t, b.host, Options{})
			hold(s, heldPort)
			takes, passes := answers(t, b, actOK), answers(t, b, actNext)
			b.host.Must(func() error { return s.SetOutside([]netip.Addr{hostAddr}) })
			if first {
				b.host.Must(func() error { return s.AttachUplinkForward(b.ifindex, takes) })
			}
			b.host.Must(func() error { return s.AttachUplink(b.ifindex) })
			for range 2 {
				b.host.Must(func() error { return s.AttachUplinkForward(b.ifindex, takes) })
				b.wantRefused(t, "udp", heldPort, 0, true)
				b.host.Must(func() error { return s.AttachUplinkForward(b.ifindex, passes) })
				b.wantRefused(t, "udp", heldPort, 0, false)
			}
			if got := strings.Join(b.filters("ingress"), " "); got != "ubridge-flows ubridge-uplink" {
				t.Errorf("filters %s", got)
			}
			b.host.Must(func() error { return errors.Join(s.DetachUplinkForward(b.ifindex), s.DetachUplink(b.ifindex)) })
			wantNothingLeft(t, b.host, "v0")
		})
	}
}

// TestTheHostsFilterIsAtTheEgress, and goes without a trace, also with what is at the
// ingress still there.
func TestTheHostsFilterIsAtTheEgress(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := open(t, b.host, Options{})
	drops := answers(t, b, shot)
	b.wantRefused(t, "udp", freePort, 0, true) // and the peer knows the host's address
	b.host.Must(func() error { return s.AttachHost(b.ifindex, drops) })
	b.wantRefused(t, "udp", freePort, 0, false) // the answer is dropped
	b.host.Must(func() error { return s.AttachSilence(b.ifindex) })
	b.host.Must(func() error { return s.DetachHost(b.ifindex) })
	if got := strings.Join(b.filters("ingress"), " "); got != "ubridge-silence" {
		t.Errorf("filters %s", got)
	}
	b.host.Must(func() error { return s.DetachSilence(b.ifindex) })
	wantNothingLeft(t, b.host, "v0")
	b.peer.Run("ip neigh flush all")
	b.wantRefused(t, "udp", freePort, 0, true)
}

// TestSweepFindsForwarders of a process that is dead.
func TestSweepFindsForwarders(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := open(t, b.host, Options{})
	p := answers(t, b, actNext)
	b.host.Must(func() error {
		return errors.Join(s.AttachForward(b.ifindex, p), s.AttachHost(b.ifindex, p), s.AttachUplinkForward(b.ifindex, p))
	})
	var removed []string
	b.host.Must(func() (err error) { removed, err = Sweep(b.ifindex); return err })
	want := "tc filter ubridge-silence,tc filter ubridge-host,tc filter ubridge-flows,qdisc clsact"
	if got := strings.Join(removed, ","); got != want {
		t.Errorf("removed %s, want %s", got, want)
	}
	wantNothingLeft(t, b.host, "v0")
}

// TestTheFallbackForwardsNothing and says so.
func TestTheFallbackForwardsNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := open(t, b.host, Options{ForceNFT: true, First: heldPort, Last: heldPort})
	p := answers(t, b, actNext)
	for name, attach := range map[string]func(int, int) error{
		"port": s.AttachForward, "host": s.AttachHost, "uplink": s.AttachUplinkForward,
	} {
		if err := b.host.Do(func() error { return attach(b.ifindex, p) }); !errors.Is(err, errNoBPF) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantNothingLeft(t, b.host, "v0")
}
