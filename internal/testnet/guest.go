package testnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	bootLimit    = 2 * time.Minute // a busy machine without KVM
	commandLimit = time.Minute     // what Run and Try give a command
	answerGrace  = 30 * time.Second
)

// killedByTimeout is the exit code of a script that took too long: SIGKILL.
const killedByTimeout = 128 + 9

// Guest is a virtual machine that runs in a namespace.
type Guest struct {
	// Config is what was asked for, completed: station addresses, kernel.
	Config GuestConfig
	// BootTime is how long the last boot took, from the start of QEMU until
	// the guest took commands.
	BootTime time.Duration

	ns   *NS
	t    T
	args []string

	mu       sync.Mutex // one command at a time
	proc     *Proc
	console  *console
	started  time.Time
	commands int
}

// ExitError is the error of a command that ended in the guest with another
// exit code than 0.
type ExitError struct {
	Command string
	Code    int
	Output  string
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("%s: exit code %d\n%s", e.Command, e.Code, e.Output)
}

// Boot starts a guest and waits until it takes commands.
func (n *NS) Boot(config GuestConfig) *Guest {
	n.t.Helper()
	g := n.Launch(config)
	g.WaitReady()
	return g
}

// Launch starts a guest and does not wait: several boot in the time of one
// when each is launched before the first WaitReady.
func (n *NS) Launch(config GuestConfig) *Guest {
	n.t.Helper()
	g := &Guest{Config: config.withDefaults(n.lab.mac), ns: n, t: n.t}
	image, err := g.Config.image()
	if err == nil {
		image, err = n.lab.addFiles(image, g.Config.Files)
	}
	if err != nil {
		n.t.Fatalf("guest %s: %v", g.Config.Name, err)
	}
	g.args = g.Config.qemuArgs(image)
	g.start()
	return g
}

// addFiles returns the image with files in it: its initrd with an archive of
// them behind.
func (l *Lab) addFiles(image Image, files map[string]string) (Image, error) {
	if len(files) == 0 {
		return image, nil
	}
	base, err := os.Open(image.Initrd)
	if err != nil {
		return image, err
	}
	defer base.Close()
	image.Initrd = l.file("initrd")
	out, err := os.Create(image.Initrd)
	if err != nil {
		return image, err
	}
	if _, err = io.Copy(out, base); err == nil {
		err = writeArchive(out, files)
	}
	return image, errors.Join(err, out.Close())
}

// start runs QEMU with the console on its standard input and output.
func (g *Guest) start() {
	g.t.Helper()
	cmd := g.ns.Command(g.asUser(g.args)...)
	stdin, toGuest, err := os.Pipe()
	if err != nil {
		g.t.Fatalf("guest console: %v", err)
	}
	fromGuest, stdout, err := os.Pipe()
	if err != nil {
		g.t.Fatalf("guest console: %v", err)
	}
	defer stdin.Close()
	defer stdout.Close()
	cmd.Stdin, cmd.Stdout = stdin, stdout
	g.started = time.Now()
	g.console = newConsole(toGuest, fromGuest)
	if g.proc, err = g.ns.lab.StartCmd(cmd); err != nil {
		g.t.Fatalf("%v", err)
	}
	g.proc.name = "guest " + g.Config.Name
}

// asUser wraps a command to run under the guest's user. The mount namespace of
// "ip netns exec" is private, so a /dev/net/tun that everyone may open, as udev
// makes it, can be laid over one that is root's without the machine noticing.
func (g *Guest) asUser(args []string) []string {
	if g.Config.User == 0 && g.Config.Group == 0 {
		return args
	}
	const enter = `user=$1 group=$2 && shift 2 &&
		mount -t tmpfs -o mode=0755 tun /dev/net &&
		mknod -m 0666 /dev/net/tun c 10 200 &&
		exec setpriv --reuid "$user" --regid "$group" --clear-groups --pdeathsig KILL -- "$@"`
	user, group := strconv.Itoa(g.Config.User), strconv.Itoa(g.Config.Group)
	return append([]string{"sh", "-c", enter, "sh", user, group}, args...)
}

// WaitReady waits until the guest takes commands; the test ends when that takes
// more than two minutes.
func (g *Guest) WaitReady() {
	g.t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), bootLimit, ErrTimeout)
	defer cancel()
	if _, err := g.console.ready(ctx); err != nil {
		g.t.Fatalf("guest %s does not boot: %v\nQEMU: %s\nconsole: %s",
			g.Config.Name, err, g.proc.Output(), g.console)
	}
	g.BootTime = time.Since(g.started)
	g.setMTUs()
}

// setMTUs is for the cards that cannot announce one.
func (g *Guest) setMTUs() {
	g.t.Helper()
	for i, nic := range g.Config.NICs {
		if nic.MTU > 0 && !nic.virtio() {
			g.Run(fmt.Sprintf("ip link set dev eth%d mtu %d", i, nic.MTU))
		}
	}
}

// Run runs a shell script in the guest and returns its output and errors
// together. The test ends when the exit code is not 0, or after a minute.
func (g *Guest) Run(script string) string {
	g.t.Helper()
	out, err := g.Try(script)
	if err != nil {
		g.t.Fatalf("%v", err)
	}
	return out
}

// Try is Run that returns the error: an *ExitError, or one that wraps
// ErrTimeout. It may be called from any goroutine.
func (g *Guest) Try(script string) (string, error) { return g.TryFor(commandLimit, script) }

// TryFor is Try with another limit than a minute, counted in whole seconds.
func (g *Guest) TryFor(limit time.Duration, script string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit+answerGrace, ErrTimeout)
	defer cancel()
	g.commands++
	out, code, err := g.console.run(ctx, g.commands, script, limit)
	switch {
	case err != nil:
		return out, fmt.Errorf("guest %s: %s: %w", g.Config.Name, script, err)
	case code == killedByTimeout:
		return out, fmt.Errorf("guest %s: %s: %w after %v\n%s", g.Config.Name, script, ErrTimeout, limit, out)
	case code != 0:
		return out, fmt.Errorf("guest %s: %w", g.Config.Name, &ExitError{script, code, out})
	}
	return out, nil
}

// Stop turns the guest off in order, so that QEMU closes its devices, and waits
// for the end of QEMU. It returns what Proc.Wait returns.
func (g *Guest) Stop() error {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	// Through init's own loop; no answer comes back.
	if err := g.console.send(0, "reboot -f", commandLimit); err != nil && g.proc.Running() {
		return err
	}
	err := g.proc.Wait(stopGrace)
	if errors.Is(err, ErrTimeout) {
		g.proc.Kill()
	}
	return err
}

// Kill ends QEMU as a crash would, by SIGKILL.
func (g *Guest) Kill() {
	g.t.Helper()
	g.proc.Kill()
}

// Restart stops the guest and boots it again from the same command line: a new
// QEMU that opens its devices anew.
func (g *Guest) Restart() {
	g.t.Helper()
	if err := g.Stop(); err != nil {
		g.t.Fatalf("stop guest %s: %v", g.Config.Name, err)
	}
	g.start()
	g.WaitReady()
}

// Console returns what the guest has written to its console since it was
// started: the kernel's last words, and the protocol.
func (g *Guest) Console() string { return g.console.String() }

// CommandLine returns QEMU's arguments, the program first.
func (g *Guest) CommandLine() []string { return g.args }

// Proc returns the QEMU process; its output is QEMU's standard error.
func (g *Guest) Proc() *Proc { return g.proc }
