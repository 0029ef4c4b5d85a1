package daemon

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ubridge/dhcpd"
	"ubridge/internal/api"
)

// A subscriber that does not read loses events and learns how many; another one
// gets them all.
func TestASlowSubscriberLosesWithACount(t *testing.T) {
	var b bus
	slow, err := b.subscribe(api.EventRequest{})
	if err != nil {
		t.Fatal(err)
	}
	other, _ := b.subscribe(api.EventRequest{Network: "other"})
	for range eventRoom + 3 {
		b.tell(api.Event{Type: api.EventLifecycle, Network: "default", Event: "updated"})
	}
	b.tell(api.Event{Type: api.EventLifecycle, Network: "other", Event: "started"})
	if e := <-other.c; e.Event != "started" || e.Lost != 0 || e.Time == 0 {
		t.Errorf("the other one got %+v", e)
	}
	for range eventRoom {
		if e := <-slow.c; e.Lost != 0 {
			t.Fatalf("lost %d before it was full", e.Lost)
		}
	}
	b.tell(api.Event{Network: "default"})
	b.tell(api.Event{Network: "default"})
	if e := <-slow.c; e.Lost != 4 {
		t.Errorf("lost %d, want 4", e.Lost)
	}
	if e := <-slow.c; e.Lost != 0 {
		t.Errorf("the count is told again: %d", e.Lost)
	}
}

func TestSubscriptionsAreBounded(t *testing.T) {
	var b bus
	var subs []*subscriber
	for range maxSubscribers {
		s, err := b.subscribe(api.EventRequest{})
		if err != nil {
			t.Fatal(err)
		}
		subs = append(subs, s)
	}
	if _, err := b.subscribe(api.EventRequest{}); api.CodeOf(err) != api.Conflict {
		t.Errorf("one too many: %v", err)
	}
	b.leave(subs[0])
	if _, err := b.subscribe(api.EventRequest{}); err != nil {
		t.Errorf("after one left: %v", err)
	}
	b.close()
	if _, more := <-subs[1].c; more {
		t.Error("the stream goes on after the end")
	}
	b.leave(subs[1])
	b.tell(api.Event{})
	if _, err := b.subscribe(api.EventRequest{}); api.CodeOf(err) != api.Unavailable {
		t.Errorf("after the end: %v", err)
	}
}

func TestLeaseEvents(t *testing.T) {
	at := time.Unix(1000, 0)
	l := func(n, mac byte, name string, expires time.Time) dhcpd.Lease {
		return dhcpd.Lease{IP: netip.AddrFrom4([4]byte{10, 0, 0, n}), MAC: [6]byte{2, 0, 0, 0, 0, mac}, Hostname: name, Expires: expires}
	}
	got := leaseEvents(
		[]dhcpd.Lease{l(1, 1, "a", at), l(2, 2, "b", at), l(4, 4, "", at), l(5, 5, "", at)},
		[]dhcpd.Lease{l(2, 2, "b", at), l(3, 3, "c", time.Time{}), l(4, 9, "", at), l(5, 5, "", at.Add(time.Hour))})
	var short []string
	for _, e := range got {
		short = append(short, e.Event+" "+e.IP+" "+e.MAC[15:]+" "+e.Name)
	}
	want := []string{"removed 10.0.0.1 01 a", "added 10.0.0.3 03 c", "removed 10.0.0.4 04 ", "added 10.0.0.4 09 ", "changed 10.0.0.5 05 "}
	if diff := cmp.Diff(want, short); diff != "" {
		t.Error(diff)
	}
	if got[1].Expires != 0 || got[4].Expires != 4600 {
		t.Errorf("expiries %d, %d", got[1].Expires, got[4].Expires)
	}
}
