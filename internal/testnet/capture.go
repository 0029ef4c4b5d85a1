package testnet

import (
	"bytes"
	"errors"
	"syscall"
	"time"
)

// settle is how long a capture goes on after it is asked to stop: tcpdump
// leaves in the kernel what it has not read when the signal comes.
const settle = 200 * time.Millisecond

// Capture is a tcpdump that writes the frames of one device to a file.
type Capture struct {
	ns   *NS
	proc *Proc
	path string
}

// Capture starts to capture on a device of the namespace ("any" for all), and
// returns when it does. The filter, if any, is in tcpdump's words.
func (n *NS) Capture(dev string, filter ...string) *Capture {
	n.t.Helper()
	// Debian's AppArmor profile wants the name to end like this, and -Z keeps
	// tcpdump from writing it as another user.
	c := &Capture{ns: n, path: n.lab.file("capture.pcap")}
	args := []string{"tcpdump", "-i", dev, "-n", "-s", "0", "-U", "--immediate-mode", "-Z", "root", "-w", c.path}
	c.proc = n.Start(append(args, filter...)...)
	c.proc.WaitFor("listening on", 10*time.Second)
	return c
}

// Stop ends the capture. Its frames can still be read.
func (c *Capture) Stop() {
	c.ns.t.Helper()
	time.Sleep(settle)
	c.proc.Signal(syscall.SIGINT)
	if err := c.proc.Wait(stopGrace); err != nil {
		c.ns.t.Errorf("%v", err)
	}
}

// Path returns the capture file, in pcap format.
func (c *Capture) Path() string { return c.path }

// Frames returns the captured frames that pass the filter, also while the
// capture goes on: those that tcpdump has written by then.
func (c *Capture) Frames(filter ...string) []Frame {
	c.ns.t.Helper()
	var stdout, stderr bytes.Buffer
	args := []string{"tcpdump", "-r", c.path, "-Z", "root", "-w", "-"}
	cmd := c.ns.Command(append(args, filter...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	// A file that is still written to may end in half a record.
	if err != nil && !c.proc.Running() {
		c.ns.t.Fatalf("%v: %v: %s", cmd, err, stderr.String())
	}
	frames, err := readPcap(stdout.Bytes())
	if err != nil && !errors.Is(err, errShortPcap) {
		c.ns.t.Fatalf("%s: %v", c.path, err)
	}
	return frames
}

// Count returns how many captured frames pass the filter.
func (c *Capture) Count(filter ...string) int {
	c.ns.t.Helper()
	return len(c.Frames(filter...))
}
