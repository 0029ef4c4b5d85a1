package nat

import (
	"slices"
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// stored is a table's configuration with memory that a test can edit between
// two processes.
func stored() Config {
	return Config{
		FirstPort: 61000, LastPort: 65535, Seed: [2]uint64{1, 2}, PortBits: make([]uint64, PortBitWords),
		Memory: State{Sessions: make([]Session, 16), Mappings: make([]Mapping, 16)}, Now: 10,
	}
}

func TestResumeGoesOn(t *testing.T) {
	cfg := stored()
	tab := must(New(cfg))
	out := mustOut(t, tab, 10, tcp(alice, 5000, server, 80, flagSyn))
	wantIn(t, tab, 10, reply(out, flagSynAck), frame.Forwarded)
	bits := slices.Clone(cfg.PortBits)

	cfg.Now, cfg.Seed = 60, [2]uint64{3, 4} // even under another key
	tab = must(New(cfg))
	if !slices.Equal(bits, cfg.PortBits) {
		t.Error("port bits differ")
	}
	if p := wantIn(t, tab, 60, reply(out, flagSynAck), frame.Forwarded); p.Guest != (Guest{1, alice, mac}) {
		t.Errorf("guest %+v", p.Guest)
	}
	if again := mustOut(t, tab, 61, tcp(alice, 5000, server, 80, flagAck)); outsidePort(again) != outsidePort(out) {
		t.Error("another port")
	}
	if s := stateOf(t, tab, 61); s != Established {
		t.Errorf("state %v", s)
	}
	checkCounts(t, tab)
	checkPorts(t, tab)
}

func TestResumeDropsWhatCannotBeTrusted(t *testing.T) {
	cases := []struct {
		name               string
		edit               func(*Config)
		sessions, mappings int
	}{
		{"nothing wrong", func(*Config) {}, 1, 1},
		{"torn session", func(c *Config) { begin(&c.Memory.Sessions[0].seq) }, 0, 1},
		{"torn mapping", func(c *Config) { begin(&c.Memory.Mappings[0].seq) }, 0, 0},
		{"no such mapping", func(c *Config) { c.Memory.Sessions[0].mapping = 17 }, 0, 1},
		{"mapping none", func(c *Config) { c.Memory.Sessions[0].mapping = none }, 0, 1},
		{"mapping of another", func(c *Config) { c.Memory.Sessions[0].tuple.insidePort++ }, 0, 1},
		{"mapping not live", func(c *Config) { c.Memory.Mappings[0].live = false }, 0, 0},
		{"session of no protocol", func(c *Config) { c.Memory.Sessions[0].tuple.proto = 3 }, 0, 1},
		{"mapping of no protocol", func(c *Config) { c.Memory.Mappings[0].proto = 200 }, 0, 0},
		{"state of another protocol", func(c *Config) { c.Memory.Sessions[0].state = EchoSent }, 0, 1},
		{"state of none", func(c *Config) { c.Memory.Sessions[0].state = 99 }, 0, 1},
		{"used in the future", func(c *Config) { c.Memory.Sessions[0].used = 11 }, 0, 1},
		{"same session twice", func(c *Config) { c.Memory.Sessions[5] = c.Memory.Sessions[0] }, 1, 1},
		{"same mapping twice", func(c *Config) { c.Memory.Mappings[5] = c.Memory.Mappings[0] }, 1, 1},
		{"same endpoint on two ports", func(c *Config) {
			c.Memory.Mappings[5] = c.Memory.Mappings[0]
			c.Memory.Mappings[5].outsidePort ^= 1
		}, 1, 1},
		{"over", func(c *Config) { c.Now = 1000 }, 0, 1},
		{"network gone", func(c *Config) { c.Valid = func(n uint16, _ wire.IP4) bool { return n != 1 } }, 0, 0},
		{"address gone", func(c *Config) { c.Valid = func(_ uint16, a wire.IP4) bool { return a != host } }, 0, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := stored()
			mustOut(t, must(New(cfg)), 10, udp(alice, 5000, server, 53))
			c.edit(&cfg)
			tab := must(New(cfg))
			if s := tab.Stats(); s.Sessions != c.sessions || s.Mappings != c.mappings || s.Ports[UDP].Held != c.mappings {
				t.Fatalf("%+v", s)
			}
			checkCounts(t, tab)
			checkPorts(t, tab)
			// What is left of a mapping keeps its port for the quarantine.
			tab.Expire(cfg.Now+29, all)
			if s := tab.Stats(); s.Mappings != c.mappings {
				t.Errorf("port free after %d s", 29)
			}
			tab.Expire(cfg.Now+120+30, all)
			if s := tab.Stats(); s.Mappings != 0 {
				t.Errorf("port never free: %+v", s)
			}
			if err := refill(tab, cfg.Now+200); err != frame.Forwarded {
				t.Errorf("slots are lost: %v", err)
			}
		})
	}
}

// refill takes half of all slots by one guest and the rest by others.
func refill(tab *Table, now Time) frame.Reason {
	for i := range byte(16) {
		b := udp(wire.IP4{192, 168, 122, 100 + i}, 1, server, 2).bytes()
		if r := tab.Outbound(now, outPacket(b, nil)); r != frame.Forwarded {
			return r
		}
	}
	return frame.Forwarded
}

func TestResumeKeepsTheOrderOfUse(t *testing.T) {
	cfg := stored()
	tab := must(New(cfg))
	for i, now := range []Time{14, 12, 11, 13} {
		mustOut(t, tab, now, udp(alice, uint16(i), server, 53))
	}
	cfg.Now = 15
	tab = must(New(cfg))
	var used []Time
	for r := tab.guests[tab.findGuest(1, alice.Uint32())-1].young[UDP].head; r != none; r = tab.sessionNodes[r-1].next {
		used = append(used, tab.sessions[r-1].used)
	}
	if !slices.Equal(used, []Time{11, 12, 13, 14}) {
		t.Errorf("order %v", used)
	}
}

func TestStraysAreNamed(t *testing.T) {
	cfg := stored()
	cfg.FirstPort, cfg.LastPort = 0, 0
	tab := must(New(cfg))
	tab.AddPorts(TCP, []uint16{40000})
	mustOut(t, tab, 10, tcp(alice, 1, server, 80, flagSyn))
	tab = must(New(cfg))
	var got []uint16
	tab.Strays(func(p Proto, port uint16) {
		if p == TCP {
			got = append(got, port)
		}
	})
	if !slices.Equal(got, []uint16{40000}) {
		t.Fatalf("strays %v", got)
	}
	tab.AddPorts(TCP, got)
	tab.Strays(func(_ Proto, port uint16) { t.Errorf("port %d still strays", port) })
	checkPorts(t, tab)
}
