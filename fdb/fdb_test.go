package fdb

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ubridge/internal/wire"
)

// vm is the address of the n-th guest.
func vm(n int) wire.MAC { return wire.MACFromUint64(0x525400<<24 | uint64(n)) }

func table(t testing.TB, c Config) *Table {
	t.Helper()
	if c.Entries == nil {
		c.Entries = make([]Entry, 64)
	}
	if c.MaxPorts == 0 {
		c.MaxPorts = 8
	}
	tab, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// expect fails the test unless mac is on port at now; port -1 is unknown.
func expect(t testing.TB, tab *Table, mac wire.MAC, now uint32, port int) {
	t.Helper()
	p, ok := tab.Lookup(mac, now)
	if got := map[bool]int{true: int(p), false: -1}[ok]; got != port {
		t.Errorf("%s is on port %d at second %d, want %d", mac, got, now, port)
	}
}

// seen is a frame from a station on a port at a second, and its verdict.
type seen struct {
	mac  wire.MAC
	port uint16
	at   uint32
	want Verdict
}

// TestLearningProcess has a case for each rule of IEEE 802.1Q clauses 8.7 and
// 8.8 and of the Linux bridge that the table follows; the names are ours.
func TestLearningProcess(t *testing.T) {
	broadcast, zero := wire.Broadcast, wire.MAC{}
	tests := []struct {
		rule  string
		c     Config
		seen  []seen
		mac   wire.MAC
		now   uint32
		port  int
		total int
	}{
		{"a station is found on the port where it was seen", Config{},
			[]seen{{vm(1), 3, 10, Learned}}, vm(1), 10, 3, 1},
		{"an address never seen as a source is not found", Config{},
			[]seen{{vm(1), 3, 10, Learned}}, vm(2), 10, -1, 1},
		{"a group address is no source", Config{},
			[]seen{{broadcast, 1, 10, RefusedSource}, {wire.MAC{0x01, 0, 0x5e, 0, 0, 1}, 1, 10, RefusedSource}}, broadcast, 10, -1, 0},
		{"the zero address is no source", Config{},
			[]seen{{zero, 1, 10, RefusedSource}}, zero, 10, -1, 0},
		{"a station that is silent for the ageing time is still known", Config{},
			[]seen{{vm(1), 3, 10, Learned}}, vm(1), 310, 3, 1},
		{"and a second later it is not", Config{},
			[]seen{{vm(1), 3, 10, Learned}}, vm(1), 311, -1, 1},
		{"a frame makes a station young again", Config{},
			[]seen{{vm(1), 3, 10, Learned}, {vm(1), 3, 200, Refreshed}}, vm(1), 500, 3, 1},
		{"a station moves at its first frame from another port", Config{},
			[]seen{{vm(1), 3, 10, Learned}, {vm(1), 5, 10, Moved}}, vm(1), 10, 5, 1},
		{"and back", Config{},
			[]seen{{vm(1), 3, 10, Learned}, {vm(1), 5, 10, Moved}, {vm(1), 3, 10, Moved}}, vm(1), 10, 3, 1},
		{"an aged station that speaks is known again", Config{},
			[]seen{{vm(1), 3, 10, Learned}, {vm(1), 3, 1000, Refreshed}}, vm(1), 1000, 3, 1},
		{"ageing is configurable", Config{Ageing: 10 * time.Second},
			[]seen{{vm(1), 3, 10, Learned}}, vm(1), 21, -1, 1},
		{"a port learns up to its limit", Config{PortLimit: 2},
			[]seen{{vm(1), 3, 10, Learned}, {vm(2), 3, 10, Learned}, {vm(3), 3, 10, PortLimit}}, vm(3), 10, -1, 2},
		{"what it knows is refreshed beyond it", Config{PortLimit: 1},
			[]seen{{vm(1), 3, 10, Learned}, {vm(2), 3, 10, PortLimit}, {vm(1), 3, 300, Refreshed}}, vm(1), 600, 3, 1},
		{"another port is not concerned", Config{PortLimit: 1},
			[]seen{{vm(1), 3, 10, Learned}, {vm(2), 4, 10, Learned}}, vm(2), 10, 4, 2},
		{"a station does not move to a port at its limit", Config{PortLimit: 1},
			[]seen{{vm(1), 3, 10, Learned}, {vm(2), 4, 10, Learned}, {vm(1), 4, 11, PortLimit}}, vm(1), 11, 3, 2},
		{"a station that moves away makes room", Config{PortLimit: 1},
			[]seen{{vm(1), 3, 10, Learned}, {vm(1), 4, 10, Moved}, {vm(2), 3, 10, Learned}}, vm(2), 10, 3, 2},
		{"a full table learns no more", Config{Entries: make([]Entry, 4)},
			[]seen{{vm(1), 3, 10, Learned}, {vm(2), 4, 10, Learned}, {vm(3), 5, 10, TableFull}}, vm(3), 10, -1, 2},
		{"a port without a number learns nothing", Config{MaxPorts: 4},
			[]seen{{vm(1), 4, 10, PortLimit}, {vm(1), 65535, 10, PortLimit}}, vm(1), 10, -1, 0},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.rule, " ", "_"), func(t *testing.T) {
			tab := table(t, tt.c)
			for _, s := range tt.seen {
				if got := tab.Learn(s.mac, s.port, s.at); got != s.want {
					t.Errorf("%s on port %d at %d: %s, want %s", s.mac, s.port, s.at, got, s.want)
				}
			}
			expect(t, tab, tt.mac, tt.now, tt.port)
			if tab.Len() != tt.total {
				t.Errorf("%d stations, want %d", tab.Len(), tt.total)
			}
		})
	}
}

func TestStaticEntries(t *testing.T) {
	tab := table(t, Config{PortLimit: 1})
	tab.Learn(vm(1), 3, 10)
	if !tab.SetStatic(vm(1), 5) || tab.PortLen(3) != 0 || tab.PortLen(5) != 0 || tab.Len() != 1 {
		t.Fatalf("ports hold %d and %d, the table %d", tab.PortLen(3), tab.PortLen(5), tab.Len())
	}
	if v := tab.Learn(vm(1), 3, 11); v != Static {
		t.Errorf("seen elsewhere: %s", v)
	}
	if v := tab.Learn(vm(1), 5, 11); v != Refreshed {
		t.Errorf("seen at home: %s", v)
	}
	if v := tab.Learn(vm(2), 5, 11); v != Learned {
		t.Errorf("a static entry takes the port's share: %s", v)
	}
	tab.Expire(1_000_000, 1000)
	tab.FlushPort(5)
	expect(t, tab, vm(1), 1_000_000, 5)
	if !tab.SetStatic(vm(1), 6) {
		t.Error("a static entry cannot be set elsewhere")
	}
	expect(t, tab, vm(1), 12, 6)
	if !tab.Delete(vm(1)) || tab.Delete(vm(1)) || tab.Len() != 0 {
		t.Error("a static entry is deleted once")
	}
}

func TestSetStaticRefuses(t *testing.T) {
	tab := table(t, Config{Entries: make([]Entry, 2), MaxPorts: 4})
	if tab.SetStatic(wire.Broadcast, 1) || tab.SetStatic(wire.MAC{}, 1) || tab.SetStatic(vm(1), 4) {
		t.Error("an address or a port that is none is set")
	}
	if !tab.SetStatic(vm(1), 1) || tab.SetStatic(vm(2), 1) || !tab.SetStatic(vm(1), 2) || tab.Len() != 1 {
		t.Error("the table's end does not hold")
	}
}

func TestAHotEntryIsNotWrittenWithinASecond(t *testing.T) {
	entries := make([]Entry, 16)
	tab := table(t, Config{Entries: entries})
	tab.Learn(vm(1), 3, 10)
	before := slices.Clone(entries)
	tab.Learn(vm(1), 3, 10)
	if !slices.Equal(before, entries) {
		t.Error("written again in the same second")
	}
	if tab.Learn(vm(1), 3, 11); slices.Equal(before, entries) {
		t.Error("not refreshed in the next")
	}
}

func TestFlushPortForgetsOnlyThatPort(t *testing.T) {
	tab := table(t, Config{Entries: make([]Entry, 256)})
	for i := range 120 {
		tab.Learn(vm(i+1), uint16(i%3), 10)
	}
	if n := tab.FlushPort(1); n != 40 || tab.PortLen(1) != 0 || tab.Len() != 80 {
		t.Fatalf("%d flushed, %d left on it, %d in all", n, tab.PortLen(1), tab.Len())
	}
	for i := range 120 {
		want := i % 3
		if want == 1 {
			want = -1
		}
		expect(t, tab, vm(i+1), 10, want)
	}
}

func TestExpireKeepsToItsBudget(t *testing.T) {
	tab := table(t, Config{Entries: make([]Entry, 256)})
	for i := range 128 {
		tab.Learn(vm(i+1), 1, 10)
	}
	if n := tab.Expire(310, 1000); n != 0 {
		t.Fatalf("%d gone before their time", n)
	}
	total := 0
	for range 2 * 256 / 16 {
		n := tab.Expire(311, 16)
		if n > 16 {
			t.Fatalf("%d gone with a budget of 16", n)
		}
		total += n
	}
	if total != 128 || tab.Len() != 0 || tab.PortLen(1) != 0 {
		t.Errorf("%d gone, %d left, %d on the port", total, tab.Len(), tab.PortLen(1))
	}
	if tab.Expire(311, 0) != 0 || tab.Expire(311, -1) != 0 {
		t.Error("no budget, yet stations go")
	}
}

func TestFlappingIsSeen(t *testing.T) {
	tab := table(t, Config{})
	moves := func(now uint32) (n int) {
		tab.Walk(0, 1<<20, now, func(s Station) { n = s.Moves })
		return n
	}
	tab.Learn(vm(1), 1, 0)
	for now := uint32(1); now <= 10; now++ {
		tab.Learn(vm(1), uint16(1+now%2), now*FlapWindow/2)
	}
	if got := moves(300); got != 10 {
		t.Errorf("%d moves, want 10", got)
	}
	if got := moves(300 + FlapWindow + 1); got != 0 {
		t.Errorf("%d moves after a quiet time", got)
	}
	tab.Learn(vm(1), 2, 300+FlapWindow+1)
	if got := moves(300 + FlapWindow + 1); got != 1 {
		t.Errorf("a single move after a quiet time counts %d", got)
	}
}

func TestWalkShowsEachStationOnce(t *testing.T) {
	tab := table(t, Config{Entries: make([]Entry, 64)})
	want := map[wire.MAC]Station{}
	for i := 1; i <= 20; i++ {
		tab.Learn(vm(i), uint16(i%4), uint32(100+i))
		want[vm(i)] = Station{MAC: vm(i), Port: uint16(i % 4), Age: uint32(100 - i), Stays: uint32(100 - i)}
	}
	tab.Learn(vm(99), 1, 0) // aged at 301
	tab.SetStatic(vm(50), 2)
	want[vm(50)] = Station{MAC: vm(50), Port: 2, Static: true}
	delete(want, vm(99))
	for _, step := range []int{1, 7, 64, 1 << 30} {
		got := map[wire.MAC]Station{}
		for cursor, calls := 0, 0; calls == 0 || cursor != 0; calls++ {
			cursor = tab.Walk(cursor, step, 200, func(s Station) {
				if _, twice := got[s.MAC]; twice {
					t.Errorf("%s is shown twice", s.MAC)
				}
				got[s.MAC] = s
			})
			if calls > 64 {
				t.Fatal("a walk without end")
			}
		}
		delete(got, vm(99))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("by %d (-want +got):\n%s", step, diff)
		}
	}
	tab.Walk(0, 64, 301, func(s Station) {
		if s.MAC == vm(99) {
			t.Error("an aged station is shown")
		}
	})
}

func TestNewRefuses(t *testing.T) {
	good := Config{Entries: make([]Entry, 8), MaxPorts: 4}
	for want, change := range map[string]func(*Config){
		"power of two": func(c *Config) { c.Entries = c.Entries[:6] },
		"at least 2":   func(c *Config) { c.Entries = nil },
		"whole second": func(c *Config) { c.Ageing = 1500 * time.Millisecond },
		"1 to 1,000":   func(c *Config) { c.Ageing = -time.Second },
		"0 ports":      func(c *Config) { c.MaxPorts = 0 },
		"65537 ports":  func(c *Config) { c.MaxPorts = 65537 },
		"port limit":   func(c *Config) { c.PortLimit = -1 },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error that says %q, got %v", want, err)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}

func TestVerdictsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for v := Refreshed; v <= TableFull; v++ {
		if seen[v.String()] || v.String() == "unknown" || v.String() == "" {
			t.Errorf("verdict %d is named %q", v, v)
		}
		seen[v.String()] = true
	}
	if (TableFull + 1).String() != "unknown" {
		t.Error("a verdict that does not exist has a name")
	}
}
