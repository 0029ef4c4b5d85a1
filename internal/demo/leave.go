package demo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ubridge/internal/testnet"
)

// stopInOrder ends the guests, the daemon, which must take down all that it
// made, and the server.
func (t *tour) stopInOrder(*tour) string {
	if g := t.guest(); g != nil {
		if err := g.Stop(); err != nil {
			t.Fatalf("the guest did not turn off: %v", err)
		}
	}
	for _, c := range t.clients { // they have exit codes of their own for this
		_ = c.Stop()
	}
	t.stop("the daemon", t.daemon)
	t.checkDaemonGone()
	t.stop("the outside server", t.outside)
	for _, n := range t.namespaces() {
		out, err := exec.CommandContext(t.ctx, "ip", "netns", "pids", n.Name).Output()
		if pids := strings.Fields(string(out)); err != nil || len(pids) > 0 {
			t.Fatalf("processes are left in %s: %s %v", n.Name, pids, err)
		}
	}
	return "the daemon ended with exit code 0 and took down what it had made"
}

// checkDaemonGone looks for what a stopped daemon may have left on its host.
func (t *tour) checkDaemonGone() {
	links, err := linksIn(t.host)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if changes := differences(t.hostLinks, links); len(changes) > 0 {
		t.Fatalf("the daemon left devices changed: %s", strings.Join(changes, ", "))
	}
	left := []string{t.socket()}
	if t.shm != t.runtimeDir() {
		left = append(left, t.shm)
	}
	for _, path := range left {
		if exists(path) {
			t.Fatalf("the daemon left %s", path)
		}
	}
}

// checkGone removes the lab and makes a function that looks for what is left.
func (t *tour) checkGone(before []link) func(*tour) string {
	return func(*tour) string {
		t.remove()
		if left := t.leftOvers(); len(left) > 0 {
			t.Fatalf("left behind: %s", strings.Join(left, ", "))
		}
		after, err := rootLinks()
		if err != nil {
			t.Fatalf("%v", err)
		}
		changes := differences(before, after)
		if mine := ours(changes); len(mine) > 0 {
			t.Fatalf("this machine's devices are not as before: %s", strings.Join(mine, ", "))
		}
		return fmt.Sprintf("no namespace, process or file; this machine's %d devices %s", len(after), asBefore(changes))
	}
}

func asBefore(changes []string) string {
	if len(changes) == 0 {
		return "are as before"
	}
	return "changed meanwhile, not by the demo: " + strings.Join(changes, ", ")
}

// remove ends all processes and removes the lab, kept or not. It does nothing
// the second time.
func (t *tour) remove() {
	if t.lab != nil && !t.released {
		t.released = true
		t.lab.Release()
	}
	t.cleanUp()
	if t.shm != "" { // left by a daemon that had to be killed
		_ = os.RemoveAll(t.shm)
	}
}

func (t *tour) namespaces() (list []*testnet.NS) {
	for _, n := range []*testnet.NS{t.host, t.server, t.first, t.second} {
		if n != nil {
			list = append(list, n)
		}
	}
	return list
}

// leftOvers lists what of the lab can still be seen.
func (t *tour) leftOvers() (left []string) {
	var paths []string
	for _, n := range t.namespaces() {
		paths = append(paths, n.Path(), filepath.Join("/etc/netns", n.Name))
	}
	if t.lab != nil {
		paths = append(paths, t.lab.Dir())
	}
	if t.shm != "" {
		paths = append(paths, t.shm)
	}
	for _, path := range paths {
		if exists(path) {
			left = append(left, path)
		}
	}
	for _, p := range t.children {
		if p.Running() {
			left = append(left, fmt.Sprintf("process %d (%s)", p.Pid(), p))
		}
	}
	return left
}

// abandon ends a tour that failed: it shows what the daemon said, and removes
// everything.
func (t *tour) abandon() {
	if t.daemon != nil && t.ctx.Err() == nil {
		fmt.Fprintln(t.screen.out, "\n  The end of the daemon's log:")
		t.screen.block(tail(t.daemon.Output(), 20) + "\n")
	}
	began := time.Now()
	t.remove()
	if left := t.leftOvers(); len(left) > 0 {
		t.screen.failed("clean-up", time.Since(began), "left behind: "+strings.Join(left, ", "))
		return
	}
	t.screen.done("clean-up", time.Since(began), "nothing is left")
}
