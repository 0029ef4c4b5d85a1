package demo

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ubridge/internal/testnet"
)

// prefix marks the namespaces and directories of tours.
const prefix = "demo"

// step is one thing that is shown. It returns what is worth knowing of it in
// one line, and ends its goroutine by Fatalf when it did not work.
type step struct {
	name string
	run  func(*tour) string
}

// tour is the state that steps hand on.
type tour struct {
	*runner
	ctx    context.Context
	opts   Options
	screen *screen
	began  time.Time

	lab                          *testnet.Lab
	host, server, first, second  *testnet.NS
	outside, daemon              *testnet.Proc
	clients                      []*testnet.Proc // DHCP clients
	children                     []*testnet.Proc // all that start has started
	shm                          string          // where the daemon maps its tables
	hostLinks                    []link          // of the host namespace, before the daemon
	firstAddr, secondAddr, lease string
	released                     bool // the lab has been removed
}

func newTour(ctx context.Context, o Options) *tour {
	return &tour{runner: &runner{}, ctx: ctx, opts: o, screen: newScreen(o), began: time.Now()}
}

// take runs steps until one fails or the context ends.
func (t *tour) take(list []step) bool {
	for _, s := range list {
		began := time.Now()
		t.screen.running(s.name)
		detail := t.runStep(func() string { return s.run(t) })
		if t.Why() != nil {
			t.screen.failed(s.name, time.Since(began), t.reason())
			return false
		}
		t.screen.done(s.name, time.Since(began), detail)
	}
	return true
}

// runStep waits for a step. When the context ends first, what a step may be
// waiting for without looking at the context is ended.
func (t *tour) runStep(fn func() string) (detail string) {
	if t.ctx.Err() != nil {
		t.Errorf("%w", errInterrupted)
		return ""
	}
	release := context.AfterFunc(t.ctx, t.interrupt)
	defer release()
	t.isolate(func() { detail = fn() })
	if t.ctx.Err() != nil {
		t.Override(errInterrupted)
	}
	return detail
}

// interrupt ends the one wait that knows no context: that for the guest.
func (t *tour) interrupt() {
	if g := t.guest(); g != nil {
		g.Kill()
	}
}

// eventually is Lab.Eventually that the context ends as well.
func (t *tour) eventually(d time.Duration, what string, fn func() error) {
	t.lab.Eventually(d, what, func() error {
		t.checkContext()
		return fn()
	})
}

func (t *tour) checkContext() {
	if t.ctx.Err() != nil {
		t.Fatalf("interrupted")
	}
}

// in runs a command in a namespace and returns its output.
func (t *tour) in(n *testnet.NS, args ...string) string {
	out, err := n.TryContext(t.ctx, args...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return out
}

// ubridge runs a verb of the command line against the tour's daemon.
func (t *tour) ubridge(args ...string) string {
	return t.in(t.host, append([]string{t.opts.Self, "--socket", t.socket()}, args...)...)
}

func (t *tour) stateDir() string   { return filepath.Join(t.lab.Dir(), "state") }
func (t *tour) runtimeDir() string { return runtimeDir(t.lab.Dir()) }
func (t *tour) socket() string     { return filepath.Join(t.runtimeDir(), "ubridge.sock") }

func runtimeDir(labDir string) string { return filepath.Join(labDir, "run") }

// failure is the tour's error; the screen has said more.
func (t *tour) failure() error {
	if t.ctx.Err() != nil {
		return fmt.Errorf("%w: interrupted", ErrFailed)
	}
	what, _, _ := strings.Cut(t.reason(), "\n")
	return fmt.Errorf("%w: %s", ErrFailed, what)
}

// installed reports whether a command is in the path.
func installed(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}
