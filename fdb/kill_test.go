package fdb

import (
	"bufio"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"ubridge/internal/shm"
)

const (
	workerEnv    = "FDB_TEST_WORKER"
	killsToPlay  = 8
	tableEntries = 256
)

// TestLayoutIsPinned holds the bytes of an entry, which another process reads.
func TestLayoutIsPinned(t *testing.T) {
	typ := reflect.TypeFor[Entry]()
	if typ.Size() != 32 {
		t.Errorf("an entry has %d bytes: raise LayoutVersion", typ.Size())
	}
	for name, off := range map[string]uintptr{"seq": 0, "seen": 4, "station": 8, "since": 16, "moves": 20, "flags": 22} {
		if f, _ := typ.FieldByName(name); f.Offset != off {
			t.Errorf("%s at %d, want %d: raise LayoutVersion", name, f.Offset, off)
		}
	}
}

func mapped(t interface{ Fatal(...any) }, path string) (*shm.File, *Table) {
	size := int(reflect.TypeFor[Entry]().Size())
	f, err := shm.Open(path, shm.Layout{Version: LayoutVersion, Sections: []shm.SectionSpec{{Name: "stations", Size: tableEntries * size}}})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := shm.Slice[Entry](f.Section("stations"))
	if err != nil {
		t.Fatal(err)
	}
	tab, err := New(Config{Entries: entries, Seed: f.Key()[0], MaxPorts: 8, Now: 1})
	if err != nil {
		t.Fatal(err)
	}
	return f, tab
}

// TestMain is the worker that is to be killed where the environment says so.
func TestMain(m *testing.M) {
	if path := os.Getenv(workerEnv); path != "" {
		churn(path)
	}
	os.Exit(m.Run())
}

type dying struct{}

func (dying) Fatal(args ...any) { panic(args) }

// churn learns, moves and forgets stations without pause in a table that is
// nearly full. Station n is only ever on ports n%4 and n%4+4.
func churn(path string) {
	_, tab := mapped(dying{}, path)
	os.Stdout.WriteString("ready\n")
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	for {
		n := r.IntN(tableEntries)
		if r.IntN(3) == 0 {
			tab.Delete(vm(n))
		} else {
			tab.Learn(vm(n), uint16(n%4+4*r.IntN(2)), 1)
		}
	}
}

// TestATableOutlivesItsWorker kills a worker at any point of its work: the next
// one finds all but what was being written, each where it was learned.
func TestATableOutlivesItsWorker(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fdb")
	for range killsToPlay {
		killAWorker(t, path)
		f, tab := mapped(t, path)
		checkInvariant(t, tab)
		if r := tab.Restored(); !f.Resumed() || r.Kept < tab.Cap()/4 || r.Torn > 2 || r.Aged+r.Gone+r.Refused > 0 {
			t.Errorf("resumed %t: %+v", f.Resumed(), r)
		}
		tab.Walk(0, tableEntries, 1, func(s Station) {
			if n := int(s.MAC.Uint64() & 0xffffff); int(s.Port%4) != n%4 {
				t.Errorf("station %d is on port %d", n, s.Port)
			}
		})
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func killAWorker(t *testing.T, path string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }() // says that it was killed
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Errorf("the worker says %q", line)
	}
	time.Sleep(time.Duration(5+rand.IntN(10)) * time.Millisecond)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
}
