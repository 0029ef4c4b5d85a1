package traffic

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// messageLen of a round trip, as sockperf's by the bench's settings.
const messageLen = 64

// RoundTrips sends a message and waits for its echo, again and again for d,
// and returns the times in order of length. Both ends block in the kernel
// rather than in Go's poller, as a C program would. Pinned ends run on the CPUs
// 0 (client) and 1.
func RoundTrips(ctx context.Context, client, server *net.TCPConn, d time.Duration, pinned bool) ([]time.Duration, error) {
	end := make(chan error, 1)
	go func() { end <- blocking(server, on(pinned, 1), echo) }()
	var times []time.Duration
	volleyed := make(chan error, 1)
	go func() {
		volleyed <- blocking(client, on(pinned, 0), func(fd int) (err error) {
			times, err = volley(ctx, fd, d)
			return err
		})
	}()
	err := <-volleyed
	client.Close()
	if echoed := <-end; err == nil {
		err = echoed
	}
	server.Close()
	slices.Sort(times)
	return times, err
}

// blocking runs fn on a thread of its own with the connection's descriptor.
func blocking(c *net.TCPConn, cpus *unix.CPUSet, fn func(fd int) error) error {
	f, err := c.File()
	if err != nil {
		return fmt.Errorf("round trips: %w", err)
	}
	defer f.Close()
	runtime.LockOSThread()
	if cpus == nil {
		defer runtime.UnlockOSThread()
	} else if err := unix.SchedSetaffinity(0, cpus); err != nil { // the thread ends with its goroutine
		return os.NewSyscallError("sched_setaffinity", err)
	}
	fd := int(f.Fd()) // makes it blocking
	limit := syscall.NsecToTimeval(patience.Nanoseconds())
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit); err != nil {
		return os.NewSyscallError("SO_RCVTIMEO", err)
	}
	return fn(fd)
}

// on is a set of one CPU; nil where nothing is pinned.
func on(pinned bool, cpu int) *unix.CPUSet {
	if !pinned {
		return nil
	}
	set := &unix.CPUSet{}
	set.Set(cpu)
	return set
}

// patience is how long a message may take before its connection counts as dead.
const patience = 5 * time.Second

// echo sends back what comes, until the other end is closed.
func echo(fd int) error {
	buf := make([]byte, messageLen)
	for {
		n, err := again(syscall.Read, fd, buf)
		if n == 0 || err != nil {
			return ended(err)
		}
		if _, err := again(syscall.Write, fd, buf[:n]); err != nil {
			return ended(err)
		}
	}
}

// again repeats a call that a signal has interrupted: Go's own scheduler sends
// them, and a socket with a time limit does not resume by itself (signal(7)).
func again(call func(fd int, p []byte) (int, error), fd int, p []byte) (n int, err error) {
	for {
		if n, err = call(fd, p); err != syscall.EINTR {
			return n, err
		}
	}
}

// ended is nil where the other end has closed, in whichever way.
func ended(err error) error {
	if err == syscall.ECONNRESET || err == syscall.EPIPE {
		return nil
	}
	return os.NewSyscallError("echo", err)
}

// warmUp is left out at the start.
const warmUp = 50 * time.Millisecond

func volley(ctx context.Context, fd int, d time.Duration) ([]time.Duration, error) {
	times := make([]time.Duration, 0, 1<<18)
	buf := make([]byte, messageLen)
	began := time.Now()
	for before := began; before.Sub(began) < d+warmUp && ctx.Err() == nil; {
		if _, err := again(syscall.Write, fd, buf); err != nil {
			return nil, os.NewSyscallError("write", err)
		}
		if err := readFull(fd, buf); err != nil {
			return nil, err
		}
		now := time.Now()
		if now.Sub(began) > warmUp {
			times = append(times, now.Sub(before))
		}
		before = now
	}
	return times, ctx.Err()
}

func readFull(fd int, buf []byte) error {
	for len(buf) > 0 {
		n, err := again(syscall.Read, fd, buf)
		if err != nil {
			return os.NewSyscallError("read", err)
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		buf = buf[n:]
	}
	return nil
}
