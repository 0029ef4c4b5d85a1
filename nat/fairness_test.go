package nat

import (
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

func TestGreedyGuestHarmsNobody(t *testing.T) {
	floods := map[string]func(i int) pkt{
		"SYN from many ports": func(i int) pkt { return tcp(bob, uint16(i), server, uint16(i>>16), flagSyn) },
		"ACK from many ports": func(i int) pkt { return tcp(bob, uint16(i), server, uint16(i>>16), flagAck) },
		"UDP from many ports": func(i int) pkt { return udp(bob, uint16(i), server, uint16(i>>16)) },
		"UDP to many remotes": func(i int) pkt { return udp(bob, 9, server, uint16(i)) },
		"echo":                func(i int) pkt { return echo(bob, uint16(i), server) },
	}
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			tab := newTable(t, func(c *Config) { c.Sessions, c.Mappings = 20000, 20000 })
			old := tcp(alice, 1000, server, 80, flagSyn)
			first := mustOut(t, tab, 1, old)
			wantIn(t, tab, 1, reply(first, flagSynAck), frame.Forwarded)
			for i := range 80000 {
				b := flood(i).bytes()
				if r := tab.Outbound(2, outPacket(b, nil)); r != frame.Forwarded {
					t.Fatalf("flow %d: %v, though the guest has idle ones to give up", i, r)
				}
			}
			old.flags = flagAck
			if again := mustOut(t, tab, 3, old); outsidePort(again) != outsidePort(first) {
				t.Error("the old flow moved")
			}
			wantIn(t, tab, 3, reply(first, flagAck), frame.Forwarded)
			// New flows of another guest: 2,000 at least, to one server.
			for i := range uint16(2000) {
				mustOut(t, tab, 3, tcp(alice, 2000+i, server, 80, flagSyn))
				mustOut(t, tab, 3, udp(alice, 2000+i, server, 80))
			}
			checkCounts(t, tab)
			checkPorts(t, tab)
		})
	}
}

func TestGuestKeepsEstablishedOverItsOwnNewOnes(t *testing.T) {
	tab := newTable(t)
	connect := func(now Time, port uint16) frame.Reason {
		b := tcp(alice, port, server, 80, flagSyn).bytes()
		if r := tab.Outbound(now, outPacket(b, nil)); r != frame.Forwarded {
			return r
		}
		wantIn(t, tab, now, reply(b, flagSynAck), frame.Forwarded)
		mustOut(t, tab, now, tcp(alice, port, server, 80, flagAck))
		return frame.Forwarded
	}
	// Sessions: 4,096 slots; half are one guest's at most.
	n := uint16(0)
	for ; connect(1, 1000+n) == frame.Forwarded; n++ {
	}
	if n < 2000 || n > 2268 {
		t.Errorf("%d connections of one guest", n)
	}
	if r := connect(2, 60000); r != frame.GuestLimit {
		t.Errorf("one more: %v", r)
	}
	if s := tab.GuestStats(1, alice); s.Sessions != int(n) || s.Ports[TCP] != int(n) {
		t.Errorf("%+v", s)
	}
	// Idle for longer than RFC 5382 REQ-5 demands, they make way.
	if r := connect(2+minEstablished, 60000); r != frame.Forwarded {
		t.Errorf("after two hours: %v", r)
	}
	checkCounts(t, tab)
	checkPorts(t, tab)
}

// A guest that comes after the flood still gets 2,000 connections.
func TestFloodDoesNotNarrowWhatOthersEstablish(t *testing.T) {
	tab := newTable(t, func(c *Config) { c.Sessions, c.Mappings = 20000, 20000 })
	for i := range 80000 {
		b := tcp(bob, uint16(i), server, uint16(i>>16), flagSyn).bytes()
		tab.Outbound(1, outPacket(b, nil))
	}
	var flows [][]byte
	for i := range uint16(2000) {
		out := mustOut(t, tab, 2, tcp(alice, i, server, 80, flagSyn))
		wantIn(t, tab, 2, reply(out, flagSynAck), frame.Forwarded)
		mustOut(t, tab, 2, tcp(alice, i, server, 80, flagAck))
		flows = append(flows, out)
	}
	for i := range 80000 {
		b := tcp(bob, uint16(i), third, uint16(i>>16), flagSyn).bytes()
		tab.Outbound(3, outPacket(b, nil))
	}
	for _, out := range flows {
		wantIn(t, tab, 4, reply(out, flagAck), frame.Forwarded)
	}
	checkCounts(t, tab)
	checkPorts(t, tab)
}

func TestPortsUsedUp(t *testing.T) {
	tab := newTable(t, func(c *Config) { c.FirstPort, c.LastPort = 61000, 61001 })
	mustOut(t, tab, 1, udp(alice, 1, server, 53))
	if b := udp(alice, 2, server, 53).bytes(); tab.Outbound(1, outPacket(b, nil)) != frame.Forwarded {
		t.Error("a guest alone may take half, and then its own idle ones")
	}
	mustOut(t, tab, 1, udp(bob, 1, server, 53))
	carol := wire.IP4{192, 168, 122, 12}
	if r := tab.Outbound(1, outPacket(udp(carol, 1, server, 53).bytes(), nil)); r != frame.PortsUsedUp {
		t.Errorf("%v", r)
	}
	tab.AddPorts(UDP, []uint16{40000})
	if b := mustOut(t, tab, 1, udp(carol, 1, server, 53)); outsidePort(b) != 40000 {
		t.Errorf("port %d", outsidePort(b))
	}
	if held, total := tab.Pressure(UDP); held != 3 || total != 3 {
		t.Errorf("%d of %d ports", held, total)
	}
	checkCounts(t, tab)
	checkPorts(t, tab)
}

func TestSessionsUsedUp(t *testing.T) {
	tab := newTable(t, func(c *Config) { c.Sessions = 1 })
	mustOut(t, tab, 1, udp(alice, 1, server, 53))
	if r := tab.Outbound(1, outPacket(udp(bob, 1, server, 53).bytes(), nil)); r != frame.SessionsUsedUp {
		t.Errorf("sessions: %v", r)
	}
	tab = newTable(t, func(c *Config) { c.Mappings = 1 })
	mustOut(t, tab, 1, udp(alice, 1, server, 53))
	if r := tab.Outbound(1, outPacket(udp(bob, 1, server, 53).bytes(), nil)); r != frame.SessionsUsedUp {
		t.Errorf("mappings: %v", r)
	}
	// Its own slot of another protocol makes way.
	mustOut(t, tab, 1, tcp(alice, 1, server, 80, flagSyn))
	checkCounts(t, tab)
	checkPorts(t, tab)
}

func TestExcludedPortsAreNotGivenOut(t *testing.T) {
	tab := newTable(t, func(c *Config) { c.FirstPort, c.LastPort = 61000, 61003 })
	tab.Exclude(UDP, 61000)
	tab.Exclude(UDP, 61000)
	mustOut(t, tab, 1, udp(alice, 61001, server, 53))
	tab.Exclude(UDP, 61001) // found bound while a mapping holds it
	if b := mustOut(t, tab, 1, udp(bob, 61000, server, 53)); outsidePort(b) == 61000 || outsidePort(b) == 61001 {
		t.Errorf("port %d was excluded", outsidePort(b))
	}
	tab.Expire(1000, all)
	if b := mustOut(t, tab, 1000, udp(alice, 61001, server, 53)); outsidePort(b) == 61001 {
		t.Error("an excluded port came back")
	}
	tab.AddPorts(UDP, []uint16{61000})
	if b := mustOut(t, tab, 1000, udp(bob, 61000, server, 53)); outsidePort(b) != 61000 {
		t.Errorf("port %d, want the one that came free", outsidePort(b))
	}
	checkCounts(t, tab)
	checkPorts(t, tab)
}

func TestPortsAreHardToForesee(t *testing.T) {
	seen := map[uint16]bool{}
	for seed := range uint64(50) {
		tab := newTable(t, func(c *Config) { c.Seed = [2]uint64{seed*0x9e3779b97f4a7c15 + 1, ^seed} })
		seen[outsidePort(mustOut(t, tab, 1, udp(alice, 1000, server, 53)))] = true
	}
	if len(seen) < 40 {
		t.Errorf("%d different ports of 50 tables", len(seen))
	}
}

// checkCounts compares everything derived with a count from the stored entries.
func checkCounts(t interface{ Fatalf(string, ...any) }, tab *Table) {
	type counts struct {
		sessions uint32
		ports    [numProtos]uint32
	}
	guests := map[ref]*counts{}
	of := func(r ref) *counts {
		if guests[r] == nil {
			guests[r] = &counts{}
		}
		return guests[r]
	}
	var held [numProtos]int
	uses := map[ref]uint32{}
	networks := map[uint16]int{}
	for i := range tab.sessions {
		if s := &tab.sessions[i]; s.state != free {
			networks[s.tuple.network]++
			uses[s.mapping]++
			of(tab.sessionNodes[i].guest).sessions++
			if !tab.mappings[s.mapping-1].owns(&s.tuple) || tab.findInbound(0, &s.tuple) != ref(i+1) || tab.findOutbound(0, &s.tuple) != ref(i+1) {
				t.Fatalf("session %d is not found", i)
			}
		}
	}
	for i := range tab.mappings {
		m := &tab.mappings[i]
		if !m.live {
			continue
		}
		of(tab.mappingNodes[i].guest).ports[m.proto]++
		held[m.proto]++
		if tab.pools[m.proto].owner[m.outsidePort] != ref(i+1) || tab.mappingNodes[i].sessions != uses[ref(i+1)] {
			t.Fatalf("mapping %d: port %d, %d sessions", i, m.outsidePort, tab.mappingNodes[i].sessions)
		}
	}
	for r, want := range guests {
		if g := &tab.guests[r-1]; g.sessions != want.sessions || g.ports != want.ports {
			t.Fatalf("guest %d holds %d sessions and %v ports, want %+v", r, g.sessions, g.ports, *want)
		}
	}
	for n, want := range networks {
		if got := tab.SessionsOf(n); got != want {
			t.Fatalf("network %d has %d sessions, want %d", n, got, want)
		}
	}
	for p, pool := range tab.pools {
		if pool.held != held[p] {
			t.Fatalf("proto %d: %d ports held, want %d", p, pool.held, held[p])
		}
	}
	if s := tab.Stats(); s.Guests != len(guests) {
		t.Fatalf("%d guests, want %d", s.Guests, len(guests))
	}
}

// checkPorts compares bits and free ports with the owners.
func checkPorts(t interface{ Fatalf(string, ...any) }, tab *Table) {
	for p, pool := range tab.pools {
		for port := range numPorts {
			has := pool.owner[port] != none
			if w, mask := bit(uint16(port)); pool.bits != nil && (pool.bits[w]&mask != 0) != has {
				t.Fatalf("proto %d port %d: bit %v, held %v", p, port, !has, has)
			}
			if pool.isFree(uint16(port)) && has {
				t.Fatalf("proto %d port %d is free and held", p, port)
			}
		}
	}
}
