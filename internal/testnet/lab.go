package testnet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Lab is a set of namespaces and processes that come and go with one test.
type Lab struct {
	t       T
	id      string // prefix of every name: ubnet-PREFIX-PID-COUNTER
	dir     string // scratch files: outputs, captures, initrds
	spawner *spawner
	kept    bool

	mu     sync.Mutex
	spaces []*NS
	procs  []*Proc
	files  atomic.Int64
	macs   atomic.Int64
}

var labs atomic.Int64 // labs made by this process

// New makes an empty lab, which is removed when the test ends. Prefix says
// whose it is (lower-case letters and digits). What processes that are gone
// have left behind under the same prefix is swept first.
func New(t T, prefix string) *Lab {
	t.Helper()
	if prefix == "" || strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		t.Fatalf("lab prefix %q: lower-case letters and digits only", prefix)
	}
	if err := Sweep(prefix); err != nil {
		t.Logf("sweeping left-overs: %v", err)
	}
	l := &Lab{t: t, spawner: newSpawner()}
	l.id = fmt.Sprintf("%s%s-%d-%d", mark, prefix, os.Getpid(), labs.Add(1))
	l.makeDir()
	t.Cleanup(l.close)
	return l
}

// Dir returns the lab's scratch directory, readable by every user (guests may
// run as one) and removed with the lab.
func (l *Lab) Dir() string { return l.dir }

// Eventually calls fn every 20 ms until it returns nil, and ends the test with
// its last error when that has not happened within d.
func (l *Lab) Eventually(d time.Duration, what string, fn func() error) {
	l.t.Helper()
	deadline := time.Now().Add(d)
	for {
		err := fn()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("not within %v: %s: %v", d, what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (l *Lab) makeDir() {
	l.t.Helper()
	dir, err := os.MkdirTemp("", l.id+"-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		l.t.Fatalf("scratch directory: %v", err)
	}
	l.dir = dir
}

// file returns a new path in the scratch directory that ends in name.
func (l *Lab) file(name string) string {
	return filepath.Join(l.dir, fmt.Sprintf("%d-%s", l.files.Add(1), name))
}

// mac returns the lab's next station address, in QEMU's own 52:54:00 block.
func (l *Lab) mac() string {
	n := l.macs.Add(1)
	return fmt.Sprintf("52:54:00:75:%02x:%02x", byte(n>>8), byte(n))
}

// close ends processes, last started first, then removes namespaces and files.
func (l *Lab) close() {
	l.t.Helper()
	if failed(l.t) {
		l.logOutputs()
	}
	if l.kept {
		return // the spawner's thread stays as well; its children are detached
	}
	for i := len(l.procs) - 1; i >= 0; i-- {
		l.procs[i].end()
	}
	for _, n := range l.spaces {
		if err := removeSpace(n.Name); err != nil {
			l.t.Errorf("removing namespace %s: %v", n.Name, err)
		}
	}
	l.spawner.stop()
	if err := os.RemoveAll(l.dir); err != nil {
		l.t.Errorf("removing scratch files: %v", err)
	}
}

// logOutputs shows the end of what each process has written.
func (l *Lab) logOutputs() {
	const tail = 4096
	for _, p := range l.procs {
		out := p.Output()
		if len(out) > tail {
			out = "…" + out[len(out)-tail:]
		}
		if out != "" {
			l.t.Logf("output of %s:\n%s", p, out)
		}
	}
}
