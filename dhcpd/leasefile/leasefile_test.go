package leasefile

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ubridge/dhcpd"
)

var addrEqual = cmpopts.EquateComparable(netip.Addr{})

func lease(last byte, name string, expires int64) dhcpd.Lease {
	l := dhcpd.Lease{
		IP:       netip.AddrFrom4([4]byte{192, 168, 122, last}),
		MAC:      [6]byte{0x52, 0x54, 0, 0, 0, last},
		Hostname: name,
	}
	if expires != 0 {
		l.Expires = time.Unix(expires, 0).UTC()
	}
	return l
}

func put(l dhcpd.Lease) dhcpd.Change { return dhcpd.Change{Kind: dhcpd.Put, Lease: l} }

func open(t *testing.T, path string) (*File, []Damage) {
	t.Helper()
	f, damage, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f, damage
}

// stored is what another process reads at path.
func stored(t *testing.T, path string) []dhcpd.Lease {
	t.Helper()
	f, damage := open(t, path)
	if len(damage) > 0 {
		t.Fatalf("damage: %v", damage)
	}
	return f.Leases()
}

func same(t *testing.T, want, got []dhcpd.Lease) {
	t.Helper()
	if diff := cmp.Diff(want, got, addrEqual, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestFormatIsDnsmasqs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "default.leases")
	f, _ := open(t, path)
	web := lease(20, "web", 1_800_000_000)
	web.ClientID = []byte{1, 0x52, 0x54, 0, 0, 0, 20}
	if err := f.Apply([]dhcpd.Change{put(lease(100, "", 0)), put(web)}); err != nil {
		t.Fatal(err)
	}
	const want = "1800000000 52:54:00:00:00:14 192.168.122.20 web 01:52:54:00:00:00:14\n" +
		"0 52:54:00:00:00:64 192.168.122.100 * *\n"
	if got, _ := os.ReadFile(path); string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	same(t, []dhcpd.Lease{web, lease(100, "", 0)}, stored(t, path))
}

func TestApply(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases")
	f, _ := open(t, path)
	one, two, released := lease(1, "a", 100), lease(2, "b", 0), lease(1, "a", 50)
	for _, tt := range []struct {
		name    string
		changes []dhcpd.Change
		want    []dhcpd.Lease
	}{
		{"put", []dhcpd.Change{put(two), put(one)}, []dhcpd.Lease{one, two}},
		{"lapse needs no writing", []dhcpd.Change{{Kind: dhcpd.Lapse, Lease: one}}, []dhcpd.Lease{one, two}},
		{"release keeps the record", []dhcpd.Change{{Kind: dhcpd.Release, Lease: released}}, []dhcpd.Lease{released, two}},
		{"remove", []dhcpd.Change{{Kind: dhcpd.Remove, Lease: two}}, []dhcpd.Lease{released}},
		{"remove what is not there", []dhcpd.Change{{Kind: dhcpd.Remove, Lease: two}}, []dhcpd.Lease{released}},
		{"in order", []dhcpd.Change{put(two), {Kind: dhcpd.Remove, Lease: two}, put(one)}, []dhcpd.Lease{one}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := f.Apply(tt.changes); err != nil {
				t.Fatal(err)
			}
			same(t, tt.want, f.Leases())
			same(t, tt.want, stored(t, path))
		})
	}
}

func TestNothingToStoreIsNotWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases")
	f, _ := open(t, path)
	if err := f.Apply([]dhcpd.Change{{Kind: dhcpd.Lapse, Lease: lease(1, "", 1)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("stat: %v", err)
	}
}

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases")
	f, _ := open(t, path)
	if err := f.Apply([]dhcpd.Change{put(lease(1, "", 0))}); err != nil {
		t.Fatal(err)
	}
	if err := f.Replace([]dhcpd.Lease{lease(3, "", 0), lease(2, "", 0)}); err != nil {
		t.Fatal(err)
	}
	same(t, []dhcpd.Lease{lease(2, "", 0), lease(3, "", 0)}, stored(t, path))
}

// The file is the old one or the new one wherever a crash falls: after any
// step, and after any number of bytes.
func TestCrashPoints(t *testing.T) {
	before := []dhcpd.Lease{lease(1, "old", 100)}
	after := []dhcpd.Lease{lease(1, "new", 200), lease(2, "", 0)}
	var text []byte
	for _, l := range after {
		text = appendLine(text, l)
	}
	last := len((&replacement{}).steps())
	for crash := range last + 1 {
		for _, written := range []int{0, 1, len(text) / 2, len(text) - 1, len(text)} {
			path := filepath.Join(t.TempDir(), "leases")
			f, _ := open(t, path)
			if err := f.Replace(before); err != nil {
				t.Fatal(err)
			}
			runUntil(t, &replacement{path: path, data: text}, crash, written)
			want, renamed := before, crash >= last-1
			if renamed {
				want = after
			}
			same(t, want, stored(t, path))
			if _, err := os.Stat(tempPath(path)); !os.IsNotExist(err) {
				t.Errorf("crash after step %d leaves a temporary file: %v", crash, err)
			}
		}
	}
}

// runUntil does the first steps of r. If the write is the last of them, only
// some of its bytes get through.
func runUntil(t *testing.T, r *replacement, crash, written int) {
	t.Helper()
	for i, s := range r.steps()[:crash] {
		if s.name == "write" && i == crash-1 {
			r.data = r.data[:written]
		}
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
	if r.temp != nil {
		r.temp.Close()
	}
}

func TestFailedWriteIsTriedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases")
	f, _ := open(t, path)
	if err := f.Apply([]dhcpd.Change{put(lease(1, "", 0))}); err != nil {
		t.Fatal(err)
	}
	obstacle := filepath.Join(tempPath(path), "x") // a directory where the temporary file should be
	if err := os.MkdirAll(obstacle, 0o755); err != nil {
		t.Fatal(err)
	}
	err := f.Apply([]dhcpd.Change{put(lease(2, "", 0))})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "writable") {
		t.Fatalf("error %v does not name the path and the fix", err)
	}
	if err := os.RemoveAll(tempPath(path)); err != nil {
		t.Fatal(err)
	}
	same(t, []dhcpd.Lease{lease(1, "", 0)}, stored(t, path))
	if err := f.Apply(nil); err != nil {
		t.Fatal(err)
	}
	same(t, []dhcpd.Lease{lease(1, "", 0), lease(2, "", 0)}, stored(t, path))
}

func TestDamagedLinesAreSetAside(t *testing.T) {
	good := "100 52:54:00:00:00:01 192.168.122.1 a *\n"
	bad := []string{
		"100 52:54:00:00:00:02 192.168.122.2 b",
		"-1 52:54:00:00:00:02 192.168.122.2 b *",
		"253402300800 52:54:00:00:00:02 192.168.122.2 b *",
		"x 52:54:00:00:00:02 192.168.122.2 b *",
		"100 52:54:00:00:00 192.168.122.2 b *",
		"100 525400000002 192.168.122.2 b *",
		"100 52:54:00:00:00:02 fd00::2 b *",
		"100 52:54:00:00:00:02 192.168.122.256 b *",
		"100 52:54:00:00:00:02 192.168.122.2 b 0g",
		"100 52:54:00:00:00:02 192.168.122.2 b " + strings.Repeat("00:", 255) + "00",
		"duid 00:01:00:01",
		"",
	}
	path := filepath.Join(t.TempDir(), "leases")
	cut := "100 52:54:00:00:00:03 192.168.122.3 c *" // no newline: may have been longer
	text := strings.Join(bad, "\n") + "\n" + good + cut
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	f, damage := open(t, path)
	if len(damage) != len(bad)+1 {
		t.Fatalf("%d damaged lines of %d: %v", len(damage), len(bad)+1, damage)
	}
	for i, d := range damage[:len(bad)] {
		if d.Line != i+1 || d.Text != bad[i] || d.Err == nil {
			t.Errorf("damage %d: %v", i, d)
		}
	}
	same(t, []dhcpd.Lease{lease(1, "a", 100)}, f.Leases())
	same(t, f.Leases(), stored(t, path)) // once is enough
	aside, _ := os.ReadFile(path + ".bad")
	if want := strings.Join(append(bad, cut), "\n") + "\n"; string(aside) != want {
		t.Errorf("aside %q\nwant  %q", aside, want)
	}
}

func TestNamesThatNoClientMayHave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases")
	text := "100 52:54:00:00:00:01 192.168.122.1 localhost *\n100 52:54:00:00:00:02 192.168.122.2 Web *\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	same(t, []dhcpd.Lease{lease(1, "", 100), lease(2, "web", 100)}, stored(t, path))
}

func TestOpenErrorsNameThePath(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Open(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a directory: %v", err)
	}
	missing := filepath.Join(dir, "missing", "leases")
	if _, _, err := Open(missing); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("no directory: %v", err)
	}
}

func TestLineRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := lease(rapid.Byte().Draw(t, "last"), rapid.StringMatching(`([a-k][a-z0-9-]{0,20}[a-z0-9])?`).Draw(t, "name"),
			rapid.Int64Range(0, maxExpiry).Draw(t, "expires"))
		want.ClientID = rapid.SliceOfN(rapid.Byte(), 0, 255).Draw(t, "id")
		line := string(appendLine(nil, want))
		got, err := parseLine(strings.TrimSuffix(line, "\n"))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if diff := cmp.Diff(want, got, addrEqual, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A lease of the year 1969 must not come back as one without end.
func TestEarlyExpiryIsNotNever(t *testing.T) {
	l := lease(1, "", 0)
	l.Expires = time.Unix(-5, 0)
	got, err := parseLine(strings.TrimSpace(string(appendLine(nil, l))))
	if err != nil || got.Expires.IsZero() {
		t.Errorf("%v %v", got.Expires, err)
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add("1800000000 52:54:00:00:00:14 192.168.122.20 web 01:52:54:00:00:00:14")
	f.Add("0 52:54:00:00:00:64 192.168.122.100 * *")
	f.Add("duid 00:01")
	f.Fuzz(func(t *testing.T, line string) {
		l, err := parseLine(line)
		if err != nil {
			return
		}
		again, err := parseLine(strings.TrimSuffix(string(appendLine(nil, l)), "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(l, again, addrEqual); diff != "" {
			t.Error(diff)
		}
	})
}
