package nat

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

const (
	million      = 1_000_000
	sessionBound = 130 // bytes for each live session, all in
)

// A table of 2^20 sessions with a million live ones takes little memory for each,
// and a process that follows resumes them all.
func TestAMillionSessions(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills 100 MiB")
	}
	before := resident(t)
	cfg := Config{
		FirstPort: 1024, LastPort: 65535, Seed: [2]uint64{1, 2}, Now: 1,
		Memory: State{Sessions: make([]Session, 1<<20), Mappings: make([]Mapping, DefaultMappings)},
	}
	tab := must(New(cfg))
	empty := resident(t)
	for i := range million {
		if r := tab.Outbound(1, outPacket(flowOf(i).bytes(), nil)); r != frame.Forwarded {
			t.Fatalf("flow %d: %v", i, r)
		}
	}
	each := float64(resident(t)-before) / million
	t.Logf("empty table %d KiB; %.1f bytes for each of %d sessions", (empty-before)>>10, each, million)
	instrumented := empty-before > 64<<20 // by the race detector, which has memory of its own for each word
	if each > sessionBound && !instrumented {
		t.Errorf("%.1f bytes for each session, want at most %d", each, sessionBound)
	}
	if s := tab.Stats(); s.Sessions != million {
		t.Fatalf("%d sessions", s.Sessions)
	}
	cfg.Memory.ZeroSessions = 1<<20 - million
	start := time.Now()
	tab = must(New(cfg))
	t.Logf("resumed in %v", time.Since(start))
	if s := tab.Stats(); s.Sessions != million {
		t.Errorf("%d sessions resumed", s.Sessions)
	}
	for _, i := range []int{0, 1, million / 2, million - 1} {
		if r := tab.Outbound(2, outPacket(flowOf(i).bytes(), nil)); r != frame.Forwarded {
			t.Errorf("flow %d after the resumption: %v", i, r)
		}
	}
	if s := tab.Stats(); s.Sessions != million || s.Opened != 0 {
		t.Errorf("%d sessions, %d of them new", s.Sessions, s.Opened)
	}
}

// flowOf is flow i: of 512 guests with 16 sockets each, to many remotes.
func flowOf(i int) pkt {
	guest := wire.IP4FromUint32(0x0a000002 + uint32(i)%512)
	return udp(guest, uint16(5000+i/512%16), wire.IP4FromUint32(0xc6336400+uint32(i)/8192), uint16(1000+i/512))
}

// resident is the resident memory of this process in bytes.
func resident(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory() // the packets of the test are garbage
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// Slots that are said to be zero are neither read nor lost.
func TestSlotsKnownToBeZeroAreFree(t *testing.T) {
	cfg := stored()
	mustOut(t, must(New(cfg)), 10, udp(alice, 5000, server, 53))
	cfg.Memory.ZeroSessions, cfg.Memory.ZeroMappings = 15, 15
	tab := must(New(cfg))
	if s := tab.Stats(); s.Sessions != 1 || s.Mappings != 1 {
		t.Fatalf("%+v", s)
	}
	if r := refill(tab, cfg.Now); r != frame.SessionsUsedUp || tab.Stats().Sessions != 16 {
		t.Errorf("%d sessions in 16 slots, then: %v", tab.Stats().Sessions, r)
	}
	checkCounts(t, tab)
	for _, bad := range []State{{ZeroSessions: 17}, {ZeroSessions: -1}, {ZeroMappings: 17}, {ZeroMappings: -1}} {
		cfg := stored()
		cfg.Memory.ZeroSessions, cfg.Memory.ZeroMappings = bad.ZeroSessions, bad.ZeroMappings
		if _, err := New(cfg); err == nil {
			t.Errorf("%d and %d of 16 slots are zero: no error", bad.ZeroSessions, bad.ZeroMappings)
		}
	}
}

// Whoever keeps the ports apart from the host's hears of each that is given out.
func TestBoundIsCalledForEachPort(t *testing.T) {
	calls := 0
	tab := newTable(t, func(c *Config) { c.Bound = func() { calls++ } })
	mustOut(t, tab, 1, udp(alice, 5000, server, 53))
	mustOut(t, tab, 1, udp(alice, 5000, third, 53)) // the same port
	mustOut(t, tab, 1, udp(alice, 5001, server, 53))
	if calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
}
