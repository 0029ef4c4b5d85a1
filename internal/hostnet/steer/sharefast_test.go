package steer

import (
	"math"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/google/go-cmp/cmp"

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

// wantHook requires the programs of a device's hook, in order.
func wantHook(t *testing.T, ns *nstest.NS, ifindex int, at ebpf.AttachType, want ...*ebpf.Program) {
	t.Helper()
	got := hook(t, ns, ifindex, at)
	if !slices.EqualFunc(got, want, func(id ebpf.ProgramID, p *ebpf.Program) bool { return uint32(id) == number(t, p) }) {
		t.Errorf("%v has %v, want %v", at, got, want)
	}
}

func number(t *testing.T, p *ebpf.Program) uint32 {
	t.Helper()
	id, err := ProgramID(p)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// copyOf is another program that is the same, called name.
func copyOf(t *testing.T, ns *nstest.NS, name string) (p *ebpf.Program) {
	t.Helper()
	ns.Must(func() error {
		spec, err := loadShare()
		if err != nil {
			return err
		}
		spec.Programs[shareProgHelper].Name = name
		c, err := ebpf.NewCollection(spec)
		if err != nil {
			return err
		}
		defer c.Close()
		p, err = c.Programs[shareProgHelper].Clone()
		return err
	})
	t.Cleanup(func() { p.Close() })
	return p
}

// TestForwardComesFirst: the fast path's programs see a NIC's frames before the Share's,
// stay when the Share goes, and are taken away by their numbers, wherever in the order
// they are and whoever else is there.
func TestForwardComesFirst(t *testing.T) {
	b := newBed(t)
	s := openShare(t, b.host, false)
	// Any programs do: their place is looked at.
	first, foreign, later := copyOf(t, b.host, NICIngressName), copyOf(t, b.host, "somebody_elses"), copyOf(t, b.host, NICEgressName)
	in, out := ebpf.AttachTCXIngress, ebpf.AttachTCXEgress
	b.host.Must(func() error { return s.AttachNIC(b.ifindex) })
	b.host.Must(func() error { return s.AttachForward(b.ifindex, first, first, nil) })
	wantHook(t, b.host, b.ifindex, in, first)
	wantHook(t, b.host, b.ifindex, out, first, s.objects.Share)

	b.host.Must(func() error { return attachFirst(out, foreign, b.ifindex) })
	b.host.Must(func() error { return s.AttachForward(b.ifindex, later, later, nil) })
	b.host.Must(s.Leave)
	wantHook(t, b.host, b.ifindex, out, later, foreign, first)
	var there bool
	b.host.Must(func() (err error) {
		there, err = Forwarding(b.ifindex, []uint32{number(t, first)})
		return err
	})
	if !there {
		t.Error("the program at the ingress is not found by its number")
	}
	b.host.Must(func() error { return DetachForward(b.ifindex, []uint32{number(t, first), 1 << 30}) })
	wantHook(t, b.host, b.ifindex, in, later)
	wantHook(t, b.host, b.ifindex, out, later, foreign)
	b.host.Must(func() error { return DetachForward(b.ifindex, []uint32{number(t, later)}) })
	wantHook(t, b.host, b.ifindex, in)
	wantHook(t, b.host, b.ifindex, out, foreign)
	b.host.Must(func() error { return DetachForward(math.MaxInt32, []uint32{number(t, later)}) })
}

// TestSweepFindsForwardByName: where nobody knows the numbers any more.
func TestSweepFindsForwardByName(t *testing.T) {
	b := newBed(t)
	s := openShare(t, b.host, false)
	in, out, foreign := copyOf(t, b.host, NICIngressName), copyOf(t, b.host, NICEgressName), copyOf(t, b.host, "somebody_elses")
	b.host.Must(func() error { return s.AttachForward(b.ifindex, in, out, nil) })
	b.host.Must(func() error { return attachFirst(ebpf.AttachTCXIngress, foreign, b.ifindex) })
	var removed []string
	b.host.Must(func() (err error) {
		removed, err = Sweep(b.ifindex)
		return err
	})
	if diff := cmp.Diff([]string{"tcx program " + NICIngressName, "tcx program " + NICEgressName}, removed); diff != "" {
		t.Error(diff)
	}
	wantHook(t, b.host, b.ifindex, ebpf.AttachTCXIngress, foreign)
	wantHook(t, b.host, b.ifindex, ebpf.AttachTCXEgress)
}

// TestForwardTakesThePlace of what one before left, in both ways.
func TestForwardTakesThePlace(t *testing.T) {
	b := newBed(t)
	s := openShare(t, b.host, false)
	was, now := copyOf(t, b.host, NICIngressName), copyOf(t, b.host, NICIngressName)
	b.host.Must(func() error { return s.AttachForward(b.ifindex, was, was, nil) })
	b.host.Must(func() error { return replaceFilter(nicOutRole, b.ifindex, was.FD()) })
	b.host.Must(func() error { return s.AttachForward(b.ifindex, now, now, []uint32{number(t, was)}) })
	wantHook(t, b.host, b.ifindex, ebpf.AttachTCXIngress, now)
	wantHook(t, b.host, b.ifindex, ebpf.AttachTCXEgress, now)
	if list := filters(b.host, "v0"); len(list) != 0 {
		t.Errorf("beside the programs there is %v", list)
	}
}

// TestForwardByClassicFilters: where clsact has to do, filters come before the Share's,
// stay where they are when they are replaced, and go without those of others.
func TestForwardByClassicFilters(t *testing.T) {
	b := newBed(t)
	s := openShare(t, b.host, true)
	p := s.objects.Helper // any program does
	want := func(when string, words ...string) {
		t.Helper()
		if diff := cmp.Diff(words, filters(b.host, "v0")); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	forwarding := func() (there bool) {
		t.Helper()
		b.host.Must(func() (err error) { there, err = Forwarding(b.ifindex, nil); return err })
		return there
	}
	b.host.Must(func() error { return s.AttachNIC(b.ifindex) })
	for range 2 {
		b.host.Must(func() error { return s.AttachForward(b.ifindex, p, p, nil) })
		want("attached", "clsact", "ubridge-nicin", "ubridge-nicout", "ubridge-share")
	}
	if !forwarding() {
		t.Error("the filter is not found")
	}
	b.host.Must(func() error { return DetachForward(b.ifindex, nil) })
	want("without it", "clsact", "ubridge-share")
	if forwarding() {
		t.Error("a filter is found that is gone")
	}
	b.host.Must(func() error { return s.AttachForward(b.ifindex, p, p, nil) })
	b.host.Must(func() error { return DetachShare(b.ifindex) })
	want("without the Share", "clsact", "ubridge-nicin", "ubridge-nicout")
	b.host.Must(func() error { return DetachForward(b.ifindex, nil) })
	want("without all")
}
