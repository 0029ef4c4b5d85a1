package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ubridge/internal/testnet"
)

// How long a daemon has to start and to stop on a busy machine.
const (
	startTime = 30 * time.Second
	stopTime  = 30 * time.Second
)

// Options say how a daemon is run. The zero value is a first run with nothing
// configured.
type Options struct {
	// Config holds files of the configuration: a path such as "ubridge.toml" or
	// "networks.d/default.toml" → its content.
	Config map[string]string
	// Dirs of a daemon before, whose state is taken over; nil for new ones.
	Dirs *Dirs
	// Prefix is put in front of the command: setpriv and its options.
	Prefix []string
	// Args are appended to `ubridge run …`.
	Args []string
}

// Dirs are where a daemon keeps what it writes, and its configuration.
type Dirs struct {
	Config, State, Runtime string
}

// Socket is the daemon's control socket.
func (d *Dirs) Socket() string { return filepath.Join(d.Runtime, "ubridge.sock") }

// Daemon is a run of the binary.
type Daemon struct {
	*testnet.Proc
	*Dirs
	net    *Net
	binary string
	opts   Options
}

// Start runs a daemon in the host's namespace and waits until it answers.
func (n *Net) Start(o Options) *Daemon {
	n.T.Helper()
	d := n.Launch(o)
	d.AwaitReady()
	return d
}

// Launch runs a daemon in the host's namespace, which may well fail, and does
// not wait.
func (n *Net) Launch(o Options) *Daemon {
	n.T.Helper()
	if o.Dirs == nil {
		o.Dirs = n.MakeDirs()
	}
	n.configure(o)
	d := &Daemon{Dirs: o.Dirs, net: n, binary: testnet.Binary(n.T), opts: o}
	command := append(slices.Clone(o.Prefix), d.binary, "run",
		"--config", filepath.Join(o.Dirs.Config, "ubridge.toml"),
		"--state-dir", o.Dirs.State, "--runtime-dir", o.Dirs.Runtime)
	d.Proc = n.Host.Start(append(command, o.Args...)...)
	n.T.Cleanup(func() { d.end(n.T) })
	return d
}

// end is for clean-up: it removes what the daemon made by removing it with its
// namespace, and shows the log where the test has failed.
func (d *Daemon) end(t *testing.T) {
	if d.Running() {
		d.Proc.Kill()
	}
	if t.Failed() {
		t.Logf("log of %s:\n%s", d.Proc, d.Output())
	}
}

// MakeDirs makes directories for a daemon. The runtime directory is on tmpfs, as
// /run is, so that flows are kept in it.
func (n *Net) MakeDirs() *Dirs {
	n.T.Helper()
	runtime := testnet.RuntimeDir(n.T)
	base, err := os.MkdirTemp(n.Dir(), "daemon-")
	if err != nil {
		n.T.Fatalf("directory of a daemon: %v", err)
	}
	return &Dirs{Config: filepath.Join(base, "etc"), State: filepath.Join(base, "state"), Runtime: runtime}
}

// configure writes the configuration. There is always an ubridge.toml, so that
// the machine's own /etc/ubridge is not read.
func (n *Net) configure(o Options) {
	n.T.Helper()
	files := maps.Clone(o.Config)
	if files == nil {
		files = map[string]string{}
	}
	main := filepath.Join(o.Dirs.Config, "ubridge.toml")
	if _, err := os.Stat(main); err != nil && files["ubridge.toml"] == "" {
		files["ubridge.toml"] = testnet.DaemonConfig()
	}
	for name, content := range files {
		path := filepath.Join(o.Dirs.Config, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			n.T.Fatalf("configuration: %v", err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			n.T.Fatalf("configuration: %v", err)
		}
	}
}

// AwaitReady waits until the daemon answers.
func (d *Daemon) AwaitReady() {
	d.net.T.Helper()
	d.net.Eventually(startTime, "a daemon that answers", func() error {
		if !d.Running() {
			d.net.T.Fatalf("the daemon has ended (%v); it wrote:\n%s", d.Wait(0), d.Output())
		}
		if _, err := os.Stat(d.Socket()); err != nil {
			return err
		}
		if r := d.Try("net", "list", "--json"); r.Code != 0 {
			return fmt.Errorf("net list: %s", r.Stderr)
		}
		return nil
	})
}

// Settle waits until what the daemon does some time after its start is done: ports go
// over to the kernel's fast path.
func (d *Daemon) Settle() {
	d.net.T.Helper()
	d.net.Eventually(startTime, "networks on the fast path", func() error {
		for _, n := range d.Networks() {
			if info := d.Info(n.Name); strings.Contains(info.FastPath.Off, "about to be loaded") {
				return errors.New(info.FastPath.Off)
			}
		}
		return nil
	})
}

// Stop stops the daemon by SIGTERM and fails the test where that is not a clean
// stop.
func (d *Daemon) Stop() {
	d.net.T.Helper()
	if err := d.Proc.Stop(); err != nil {
		d.net.T.Fatalf("SIGTERM: %v; the daemon wrote:\n%s", err, d.Output())
	}
}

// Crash ends the daemon by SIGKILL.
func (d *Daemon) Crash() {
	d.net.T.Helper()
	d.Proc.Kill()
}

// Again starts a daemon on the same directories and configuration; the one
// before must have ended.
func (d *Daemon) Again() *Daemon {
	d.net.T.Helper()
	o := d.opts
	o.Dirs = d.Dirs
	return d.net.Start(o)
}

// Result is what a command of the command line left.
type Result struct {
	Stdout, Stderr string
	Code           int // exit code; -1 where it was killed
}

// Try runs a command of the command line against the daemon, from the host's
// namespace.
func (d *Daemon) Try(args ...string) Result {
	return d.net.Try(d.binary, append([]string{"--socket", d.Socket()}, args...)...)
}

// Try runs a program in the host's namespace, for at most a minute.
func (n *Net) Try(program string, args ...string) Result {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := n.Host.Command(append([]string{program}, args...)...)
	cmd = exec.CommandContext(ctx, cmd.Args[0], cmd.Args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, time.Second
	err := cmd.Run()
	r := Result{Stdout: stdout.String(), Stderr: stderr.String()}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		r.Code = exit.ExitCode()
	} else if err != nil {
		r.Code, r.Stderr = -1, r.Stderr+err.Error()
	}
	return r
}

// Run is Try for a command that must succeed; it returns the standard output.
func (d *Daemon) Run(args ...string) string {
	d.net.T.Helper()
	r := d.Try(args...)
	if r.Code != 0 {
		d.net.T.Fatalf("ubridge %q: exit code %d\n%s%s", args, r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Refuse is Try for a command that must fail with an exit code; it returns what
// was said.
func (d *Daemon) Refuse(code int, args ...string) string {
	d.net.T.Helper()
	r := d.Try(args...)
	if r.Code != code {
		d.net.T.Errorf("ubridge %q: exit code %d, want %d\n%s%s", args, r.Code, code, r.Stdout, r.Stderr)
	}
	return r.Stderr
}

// Binary is the path of the program that the daemon is.
func (d *Daemon) Binary() string { return d.binary }
