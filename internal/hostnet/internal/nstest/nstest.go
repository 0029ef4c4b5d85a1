// Package nstest gives the tests below internal/hostnet network namespaces of
// their own.
//
// A namespace has no name: it lives as long as a descriptor or a process holds
// it, so nothing is left behind however a test ends. Functions run in it on an
// OS thread of their own that dies afterwards and is never handed back to the
// Go scheduler in a foreign namespace.
package nstest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// NS is one network namespace, with its loopback device up.
type NS struct {
	t  testing.TB
	fd int
}

// Root skips the test without root, or fails it where CI=true promises root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("needs root to make network namespaces")
	}
	t.Skip("needs root to make network namespaces")
}

// New makes a namespace that ends with the test.
func New(t testing.TB) *NS {
	t.Helper()
	Root(t)
	ns := &NS{t: t}
	if err := onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		ns.fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(ns.fd) })
	ns.Run("ip link set lo up")
	return ns
}

// Path names the namespace for `ip link … netns` while this process lives.
func (ns *NS) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.fd) }

// Do runs f on a thread inside the namespace. Sockets that f opens, and
// processes that it starts, belong to the namespace for good.
func (ns *NS) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(ns.fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("setns: %w", err)
		}
		return f()
	})
}

// Must is Do that ends the test on an error.
func (ns *NS) Must(f func() error) {
	ns.t.Helper()
	if err := ns.Do(f); err != nil {
		ns.t.Fatal(err)
	}
}

// Run runs commands, one a line, inside the namespace and returns what they
// print; one that fails ends the test.
func (ns *NS) Run(commands string) string {
	ns.t.Helper()
	var out strings.Builder
	for line := range strings.Lines(commands) {
		text, err := ns.Try(strings.TrimSpace(line))
		if err != nil {
			ns.t.Fatalf("%s: %v\n%s", strings.TrimSpace(line), err, text)
		}
		out.WriteString(text)
	}
	return out.String()
}

// Try runs one command inside the namespace.
func (ns *NS) Try(command string) (text string, err error) {
	args := strings.Fields(command)
	if len(args) == 0 {
		return "", nil
	}
	err = ns.Do(func() error {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		text = string(out)
		return err
	})
	return text, err
}

// Veth joins two namespaces by a veth pair and brings both ends up.
func Veth(a *NS, nameA string, b *NS, nameB string) {
	a.t.Helper()
	a.Run(fmt.Sprintf("ip link add %s type veth peer name %s netns %s", nameA, nameB, b.Path()))
	a.Run("ip link set " + nameA + " up")
	b.Run("ip link set " + nameB + " up")
}

func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- f()
	}()
	return <-done
}
