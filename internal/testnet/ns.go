package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// runLimit bounds Run and Try: longer work belongs to Start.
const runLimit = 2 * time.Minute

// NS is a network namespace of a lab.
type NS struct {
	// Name is the name that iproute2 knows: ip netns exec NAME …,
	// ip netns del NAME.
	Name string

	lab *Lab
	t   T
}

// NS adds a namespace. Its loopback is up, new devices skip duplicate address
// detection (IPv6 addresses work at once), and its processes see an empty
// /etc/resolv.conf.
func (l *Lab) NS(name string) *NS {
	l.t.Helper()
	n := &NS{Name: l.id + "-" + name, lab: l, t: l.t}
	if out, err := exec.Command("ip", "netns", "add", n.Name).CombinedOutput(); err != nil {
		l.t.Fatalf("ip netns add %s: %v: %s", n.Name, err, out)
	}
	l.mu.Lock()
	l.spaces = append(l.spaces, n)
	l.mu.Unlock()
	n.Etc("resolv.conf", "")
	n.Sysctl("net.ipv6.conf.default.accept_dad", "0")
	n.Up("lo")
	return n
}

// Path returns the file that stands for the namespace (netlink, setns).
func (n *NS) Path() string { return filepath.Join(spacesDir, n.Name) }

// Lab returns the lab that the namespace belongs to.
func (n *NS) Lab() *Lab { return n.lab }

// Etc gives the processes that are started in the namespace afterwards their
// own /etc/FILE. A file that they have open already changes under them, unless
// they have replaced it: renaming over it fails (EBUSY), it being a mount point.
func (n *NS) Etc(file, content string) {
	n.t.Helper()
	path := filepath.Join(etcDir, n.Name, file)
	err := writeInto(path, content)
	for range 5 { // another lab may have removed the empty parent meanwhile
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		err = writeInto(path, content)
	}
	if err != nil {
		n.t.Fatalf("/etc/%s for %s: %v", file, n.Name, err)
	}
}

func writeInto(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

// Command returns a command that runs in the namespace, not started yet.
func (n *NS) Command(args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", n.Name}, args...)...)
}

// Start runs a command in the background until it ends, is stopped, or the
// lab is removed.
func (n *NS) Start(args ...string) *Proc {
	n.t.Helper()
	p, err := n.lab.StartCmd(n.Command(args...))
	if err != nil {
		n.t.Fatalf("%v", err)
	}
	return p
}

// Run runs a command and returns its standard output. The test ends when it
// fails or takes more than two minutes.
func (n *NS) Run(args ...string) string {
	n.t.Helper()
	out, err := n.Try(args...)
	if err != nil {
		n.t.Fatalf("%v", err)
	}
	return out
}

// Try is Run that returns the error, which wraps *exec.ExitError and quotes
// both outputs, or wraps ErrTimeout. It may be called from any goroutine.
func (n *NS) Try(args ...string) (string, error) {
	return n.TryContext(context.Background(), args...)
}

// TryContext is Try for a command that is killed when ctx ends.
func (n *NS) TryContext(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runLimit, ErrTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := n.Command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second // a daemon that it leaves behind may hold the pipes
	err := n.lab.spawner.start(cmd, false)
	if err == nil {
		release := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		err = cmd.Wait()
		release()
	}
	if errors.Is(err, exec.ErrWaitDelay) { // it succeeded, and left a daemon behind
		err = nil
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		text := strings.TrimSpace(stdout.String() + stderr.String())
		err = fmt.Errorf("%s in %s: %w\n%s", strings.Join(args, " "), n.Name, err, text)
	}
	return stdout.String(), err
}

// Do calls fn in the namespace and on the calling goroutine, which is locked
// to its thread meanwhile: sockets and netlink connections that fn opens belong
// to the namespace for good. Goroutines that fn starts are not in it.
func (n *NS) Do(fn func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	if err := enter(n.Path()); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		// A thread that is stuck in here must not serve other goroutines. It
		// stays locked, and ends with this goroutine.
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(fmt.Sprintf("leaving namespace %s: %v", n.Name, err))
		}
		runtime.UnlockOSThread()
	}()
	return fn()
}

func enter(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter namespace %s: %w", path, err)
	}
	return nil
}
