package steer

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"ubridge/internal/hostnet/internal/nstest"
)

// openShare loads a share in the bed's host.
func openShare(t *testing.T, ns *nstest.NS, classic bool) (s *Share) {
	t.Helper()
	ns.Must(func() (err error) {
		s, err = OpenShare(ShareOptions{Stations: 2, Classic: classic})
		return err
	})
	if s.Classic() != classic {
		t.Fatalf("clsact filters: %v, asked for: %v", s.Classic(), classic)
	}
	t.Cleanup(func() { ns.Must(s.Close) })
	return s
}

// filters is what tc shows of us, with the device's qdisc.
func filters(ns *nstest.NS, device string) (list []string) {
	out := ns.Run(fmt.Sprintf("tc qdisc show dev %[1]s clsact\ntc filter show dev %[1]s ingress\ntc filter show dev %[1]s egress", device))
	for line := range strings.Lines(out) {
		for _, word := range []string{"clsact", "ubridge-uplink", "ubridge-share", "ubridge-helper", "ubridge-nicin", "ubridge-nicout"} {
			if strings.Contains(line, word) {
				list = append(list, word)
			}
		}
	}
	return list
}

// TestTwoFiltersShareTheirClsact on one NIC: whichever goes last takes it along,
// and one of somebody else's stays.
func TestTwoFiltersShareTheirClsact(t *testing.T) {
	b := newBed(t)
	s, share := open(t, b.host, Options{First: heldPort, Last: heldPort}), openShare(t, b.host, true)
	uplink := func() error { return s.AttachUplink(b.ifindex) }
	nic := func() error { return share.AttachNIC(b.ifindex) }
	noUplink := func() error { return s.DetachUplink(b.ifindex) }
	noNIC := func() error { return DetachShare(b.ifindex) }
	for _, order := range [][4]func() error{
		{uplink, nic, uplink, nic}, {uplink, nic, noUplink, noNIC}, {uplink, nic, noNIC, noUplink},
		{nic, uplink, noNIC, noUplink}, {nic, uplink, noUplink, noNIC},
	} {
		for i, step := range order {
			b.host.Must(step)
			if i == 1 {
				if diff := cmp.Diff([]string{"clsact", "ubridge-uplink", "ubridge-share"}, filters(b.host, "v0")); diff != "" {
					t.Error(diff)
				}
				b.host.Must(func() error {
					if has, err := HasClsact(b.ifindex); has || err != nil {
						t.Errorf("our own clsact is somebody else's: %v, %v", has, err)
					}
					return nil
				})
			}
		}
		if i := len(filters(b.host, "v0")); i != 0 && i != 3 {
			t.Errorf("left: %v", filters(b.host, "v0"))
		}
		b.host.Must(func() error { _, err := Sweep(b.ifindex); return err })
		wantNothingLeft(t, b.host, "v0")
	}
	b.host.Run("tc qdisc add dev v0 clsact")
	for _, step := range []func() error{nic, uplink, noNIC, noUplink} {
		b.host.Must(step)
	}
	if diff := cmp.Diff([]string{"clsact"}, filters(b.host, "v0")); diff != "" {
		t.Errorf("somebody else's clsact: %s", diff)
	}
}

// TestSweepTellsWhatItRemoves and leaves alone what is not ours.
func TestSweepTellsWhatItRemoves(t *testing.T) {
	b := newBed(t)
	share := openShare(t, b.host, true)
	sweep := func(want ...string) {
		t.Helper()
		b.host.Must(func() error {
			got, err := Sweep(b.ifindex)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			return err
		})
	}
	sweep()
	b.host.Must(func() error { return share.AttachNIC(b.ifindex) })
	sweep("tc filter ubridge-share", "qdisc clsact")
	sweep()
	b.host.Run("tc qdisc add dev v0 clsact")
	other := newFilter(shareRole, b.ifindex, 1, share.objects.Share.FD())
	other.Name, other.Priority = "another", 5
	b.host.Must(func() error { return errors.Join(netlink.FilterAdd(other), share.AttachNIC(b.ifindex)) })
	sweep("tc filter ubridge-share")
	if out := b.host.Run("tc filter show dev v0 egress"); !strings.Contains(out, "another") {
		t.Errorf("another's filter is gone: %q", out)
	}
	s := open(t, b.host, Options{First: heldPort, Last: heldPort, ForceNFT: true})
	b.host.Must(func() error { return s.AttachUplink(b.ifindex) })
	sweep("nftables chain ubridge-uplink-v0")
}

// TestGuestsAreKnownByAddress: the map holds what was put in, and no more than it
// has room for.
func TestGuestsAreKnownByAddress(t *testing.T) {
	share := openShare(t, nstest.New(t), false)
	one, two, three := [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}, [6]byte{2, 0, 0, 0, 0, 3}
	for _, mac := range [][6]byte{one, one, two} {
		if err := share.Add(mac); err != nil {
			t.Error(err)
		}
	}
	if err := share.Add(three); err == nil {
		t.Error("a third guest where there is room for two")
	}
	for _, mac := range [][6]byte{one, three} {
		if err := share.Remove(mac); err != nil {
			t.Error(err)
		}
	}
	if got, err := share.Guests(); err != nil || len(got) != 1 || got[0] != two {
		t.Errorf("guests %v, %v", got, err)
	}
}

// Guests decide how often their stations come and go.
func TestGuestsThatMoveCostNoMemory(t *testing.T) {
	share := openShare(t, nstest.New(t), false)
	mac := [6]byte{2, 0, 0, 0, 0, 1}
	if n := testing.AllocsPerRun(100, func() { _ = errors.Join(share.Add(mac), share.Remove(mac)) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestTheHostsFramesAreHandedOver to the helper: those for a guest instead of to
// the wire, those for a group also, those for stations that nobody knows as long
// as they are few; and none of them once nobody vouches for the guests.
func TestTheHostsFramesAreHandedOver(t *testing.T) {
	for name, classic := range map[string]bool{"tcx": false, "clsact": true} {
		t.Run(name, func(t *testing.T) { t.Parallel(); handsOver(t, classic) })
	}
}

func handsOver(t *testing.T, classic bool) {
	b := newBed(t)
	nstest.Veth(b.host, "h0", b.host, "h1")
	share := openShare(t, b.host, classic)
	guest := [6]byte{2, 0, 0, 0, 0, 1}
	b.host.Must(func() error {
		if err := share.Add(guest); err != nil {
			return err
		}
		share.set(helperWord, uint64(index(t, b.host, "h0"))) // what goes to it comes out of h1
		return share.AttachNIC(b.ifindex)
	})
	wire, helper := newCounter(t, b.peer, "v1"), newCounter(t, b.host, "h1")
	for _, c := range []struct {
		what         string
		dst          [6]byte
		vouched      bool
		wire, helper int
	}{
		{"for a guest, nobody there", guest, false, 1, 0},
		{"for all, nobody there", [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, false, 1, 0},
		{"for a guest", guest, true, 0, 1},
		{"for all", [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, true, 1, 1},
		{"for nobody known", [6]byte{2, 0, 0, 0, 0, 9}, true, 1, 1},
	} {
		vouch := -time.Second
		if c.vouched {
			vouch = time.Minute
		}
		if err := share.Vouch(vouch); err != nil {
			t.Fatal(err)
		}
		sendOn(t, b.host, "v0", c.dst, 1)
		if w, h := wire.take(c.dst, c.wire), helper.take(c.dst, c.helper); w != c.wire || h != c.helper {
			t.Errorf("%s: %d to the wire, %d to the helper, want %d and %d", c.what, w, h, c.wire, c.helper)
		}
	}
	sendOn(t, b.host, "v0", [6]byte{2, 0, 0, 0, 0, 9}, 1000)
	if n := helper.take([6]byte{2, 0, 0, 0, 0, 9}, 1); n == 0 || n > 600 { // two seconds, if it is slow
		t.Errorf("%d of 1000 frames for nobody known were handed over, want 256 a second at most", n)
	}
	b.host.Must(func() error { return errors.Join(share.Leave(), DetachShare(b.ifindex)) })
	sendOn(t, b.host, "v0", guest, 1)
	if w, h := wire.take(guest, 1), helper.take(guest, 0); w != 1 || h != 0 {
		t.Errorf("once it has left: %d to the wire, %d to the helper", w, h)
	}
	wantNothingLeft(t, b.host, "v0")
}
