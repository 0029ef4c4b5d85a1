package steer

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"ubridge/internal/hostnet/internal/nstest"
)

// hook lists the programs of a device's tcx hook, in the order in which they run.
func hook(t *testing.T, ns *nstest.NS, ifindex int, at ebpf.AttachType) (ids []ebpf.ProgramID) {
	t.Helper()
	ns.Must(func() error {
		r, err := link.QueryPrograms(link.QueryOptions{Target: ifindex, Attach: at})
		if err == nil {
			for _, p := range r.Programs {
				ids = append(ids, p.ID)
			}
		}
		return err
	})
	return ids
}

func programID(t *testing.T, p *ebpf.Program) ebpf.ProgramID {
	t.Helper()
	info, err := p.Info()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := info.ID()
	return id
}

// TestForwardComesFirst: the fast path's programs see a NIC's frames before the Share's,
// and Leave takes all away.
func TestForwardComesFirst(t *testing.T) {
	b := newBed(t)
	s := openShare(t, b.host, false)
	// Any programs do: their place is looked at.
	b.host.Must(func() error { return s.AttachNIC(b.ifindex) })
	b.host.Must(func() error { return s.AttachForward(b.ifindex, s.objects.Helper, s.objects.Helper) })
	first, second := programID(t, s.objects.Helper), programID(t, s.objects.Share)
	if got := hook(t, b.host, b.ifindex, ebpf.AttachTCXEgress); len(got) != 2 || got[0] != first || got[1] != second {
		t.Errorf("egress has %v, want %v before %v", got, first, second)
	}
	if got := hook(t, b.host, b.ifindex, ebpf.AttachTCXIngress); len(got) != 1 || got[0] != first {
		t.Errorf("ingress has %v, want %v", got, first)
	}
	b.host.Must(s.DetachForward)
	if got := hook(t, b.host, b.ifindex, ebpf.AttachTCXEgress); len(got) != 1 || got[0] != second {
		t.Errorf("without it, egress has %v, want %v", got, second)
	}
	b.host.Must(func() error { return s.AttachForward(b.ifindex, s.objects.Helper, s.objects.Helper) })
	b.host.Must(s.Leave)
	for _, at := range []ebpf.AttachType{ebpf.AttachTCXEgress, ebpf.AttachTCXIngress} {
		if got := hook(t, b.host, b.ifindex, at); len(got) != 0 {
			t.Errorf("after Leave there is %v", got)
		}
	}
}

// TestNoForwardByClassicFilters: without tcx there is no place before others, and it is
// said.
func TestNoForwardByClassicFilters(t *testing.T) {
	b := newBed(t)
	s := openShare(t, b.host, true)
	b.host.Must(func() error { return s.AttachNIC(b.ifindex) })
	var err error
	b.host.Must(func() error {
		err = s.AttachForward(b.ifindex, s.objects.Helper, s.objects.Helper)
		return DetachShare(b.ifindex)
	})
	if err == nil || !strings.Contains(err.Error(), "tcx") {
		t.Errorf("error %v", err)
	}
}
