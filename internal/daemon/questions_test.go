package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"ubridge/dataplane"
	"ubridge/internal/wire"
)

func TestAScanOfTheDeadLeavesRoomForOthers(t *testing.T) {
	r := newResolving()
	var begun []question
	for i := range uint32(1000) {
		if q := (question{7, wire.IP4FromUint32(i)}); r.begin(q) {
			begun = append(begun, q)
		}
	}
	if len(begun) != resolveShare {
		t.Errorf("one port resolves %d at once, want %d", len(begun), resolveShare)
	}
	other := question{8, wire.IP4{10, 0, 0, 1}}
	if !r.begin(other) {
		t.Error("another port may not ask")
	}
	if r.begin(question{9, other.dst}) {
		t.Error("a question is asked twice")
	}
	for _, q := range append(begun, other) {
		r.end(q)
	}
	if len(r.byDst)+len(r.byPort) != 0 {
		t.Errorf("left over: %v, %v", r.byDst, r.byPort)
	}
	for i := range dataplane.PortID(1000) {
		r.begin(question{i, wire.IP4FromUint32(uint32(i))})
	}
	if len(r.byDst) != maxResolving {
		t.Errorf("%d resolve at once, want %d", len(r.byDst), maxResolving)
	}
}

func TestATroubleIsSaidOnce(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	var tr troubles
	for range 1000 {
		tr.say(log, "uplink is not opened", errors.New("no memory"), "device", "eth0")
	}
	tr.say(log, "uplink is not opened", errors.New("no such device"), "device", "eth1")
	if n := strings.Count(text.String(), "\n"); n != 2 {
		t.Errorf("%d lines, want 2:\n%s", n, text.String())
	}
	for i := range 1000 {
		tr.say(log, "next hop is not found", fmt.Errorf("route to %d", i))
	}
	if n := strings.Count(text.String(), "\n"); n != maxTroubles {
		t.Errorf("%d lines, want %d", n, maxTroubles)
	}
}

func TestUplinksTakeIdentifiersInTurn(t *testing.T) {
	var o wayOut
	first := o.freeID()
	o.uplinks = map[int]*uplink{1: {id: first}}
	for range 3 * uplinkIDs {
		if id := o.freeID(); id == first || id < firstUplinkID || id >= firstUplinkID+uplinkIDs {
			t.Fatalf("identifier %d", id)
		}
	}
}
