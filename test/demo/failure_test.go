package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"ubridge/internal/shm"
	"ubridge/internal/testnet"
)

// TestBrokenStepFailsTheTour has a DHCP client that does not ask: what comes of
// a step that cannot work must not be exit code 0.
func TestBrokenStepFailsTheTour(t *testing.T) {
	testnet.Require(t)
	before := observeFirst(t)
	tools := toolbox(t, "ip", "sh")
	script := []byte("#!/bin/sh\necho I ask nobody\n")
	if err := os.WriteFile(filepath.Join(tools, "udhcpc"), script, 0o755); err != nil {
		t.Fatal(err)
	}
	out, code := run(t, []string{"PATH=" + tools}, "demo")
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, expr := range []string{`FAILED +\d+\.\d+ s  leases +udhcpc .* ended: I ask nobody`, `end of the daemon's log:\n.*level=INFO`, `clean-up +nothing is left`} {
		if !regexp.MustCompile(expr).MatchString(out) {
			t.Errorf("it does not say %q:\n%s", expr, out)
		}
	}
	before.wantSame(t)
}

// TestInterrupted sends Ctrl-C at several points of a tour.
func TestInterrupted(t *testing.T) {
	testnet.Require(t)
	for _, after := range []string{"outside server", "port add", "names", "NAT, download", "guest to outside"} {
		t.Run(after, func(t *testing.T) {
			before := observeFirst(t)
			p := start(t, nil, "demo")
			p.waitFor(t, " s  "+after+" ")
			time.Sleep(100 * time.Millisecond) // into the next step
			if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if code := p.wait(t); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if out := p.output(); !strings.Contains(out, "interrupted") || !strings.Contains(out, "nothing is left") {
				t.Errorf("it does not say how it ended:\n%s", out)
			}
			before.wantSame(t)
		})
	}
}

// TestInterruptedTwice is what timeout(1) does, which signals its child and then
// the group: not a user who has lost patience.
func TestInterruptedTwice(t *testing.T) {
	testnet.Require(t)
	before := observeFirst(t)
	p := start(t, nil, "demo")
	p.waitFor(t, " s  leases ")
	for range 2 {
		if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if code := p.wait(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	before.wantSame(t)
}

// TestKilledTourIsSweptByTheNext has the kernel end the children, and the next
// tour, however short, remove the namespaces.
func TestKilledTourIsSweptByTheNext(t *testing.T) {
	testnet.Require(t)
	before := observeFirst(t)
	p := start(t, nil, "demo")
	p.waitFor(t, " s  leases ")
	tables := tablesOf(t, p)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.wait(t)
	q := start(t, nil, "demo")
	q.waitFor(t, " s  outside server ")
	interrupt(t, q)
	before.wantSame(t)
	if _, err := os.Stat(tables); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the tables of the killed daemon are left in %s: %v", tables, err)
	}
}

// tablesOf finds where the daemon of a running tour maps its tables.
func tablesOf(t *testing.T, p *process) string {
	t.Helper()
	pattern := filepath.Join(os.TempDir(), fmt.Sprintf("ubnet-demo-%d-*/run", p.cmd.Process.Pid))
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("runtime directories of the tour: %q, %v", found, err)
	}
	dir, _, err := shm.Dir(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
