package afpacket

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// Every test builds namespaces of its own; nothing leaves them.

// netns is the name of a network namespace.
type netns string

var netnsCount atomic.Int32

// newNetns makes a quiet namespace, without IPv6, that goes away with the test.
func newNetns(t testing.TB) netns {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root to make network namespaces")
		}
		t.Skip("needs root to make network namespaces")
	}
	n := netns(fmt.Sprintf("h7-%d-%d", os.Getpid(), netnsCount.Add(1)))
	command(t, "ip", "netns", "add", string(n))
	t.Cleanup(func() { command(t, "ip", "netns", "del", string(n)) })
	n.exec(t, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
		"net.ipv4.tcp_congestion_control=reno")
	n.ip(t, "link set lo up")
	return n
}

// command runs a program and fails the test when it does.
func command(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// ip runs ip(8) on the namespace; args are separated by blanks.
func (n netns) ip(t testing.TB, args string) string {
	t.Helper()
	return command(t, append([]string{"ip", "-n", string(n)}, strings.Fields(args)...)...)
}

// exec runs a program inside the namespace.
func (n netns) exec(t testing.TB, args ...string) string {
	t.Helper()
	return command(t, append([]string{"ip", "netns", "exec", string(n)}, args...)...)
}

// do calls f on a thread inside the namespace; the thread ends with it.
func (n netns) do(t testing.TB, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		var err error
		defer func() { done <- err }()
		runtime.LockOSThread()
		fd, err := unix.Open("/run/netns/"+string(n), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		defer unix.Close(fd)
		if err = unix.Setns(fd, unix.CLONE_NEWNET); err == nil {
			f()
		}
	}()
	if err := <-done; err != nil {
		t.Fatalf("enter namespace %s: %v", n, err)
	}
}

// port opens a port in the namespace and closes it with the test.
func (n netns) port(t testing.TB, c Config) *Port {
	t.Helper()
	var p *Port
	var err error
	n.do(t, func() { p, err = Open(c) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// veth makes a pair of devices a, b in the namespace, both up.
func (n netns) veth(t testing.TB, a, b string, mtu int) {
	t.Helper()
	n.ip(t, fmt.Sprintf("link add dev %s mtu %d type veth peer name %s mtu %d", a, mtu, b, mtu))
	n.ip(t, "link set dev "+a+" up")
	n.ip(t, "link set dev "+b+" up")
}

// newBatch is a batch with an arena of its own.
func newBatch(t testing.TB) *frame.Batch {
	t.Helper()
	a, err := frame.NewArena(2 * frame.BatchSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return &frame.Batch{Arena: a}
}

// all is the indices of every frame of b.
func all(b *frame.Batch) []uint16 {
	which := make([]uint16, b.N)
	for i := range which {
		which[i] = uint16(i)
	}
	return which
}

// send transmits data as one ordinary frame.
func send(t testing.TB, p *Port, data []byte) frame.Sent {
	t.Helper()
	b := newBatch(t)
	if b.AddCopy(data) == nil {
		t.Fatalf("no room for a frame of %d bytes", len(data))
	}
	return p.Transmit(b, all(b))
}

// receive waits until b holds at least want frames, for up to two seconds.
func receive(t testing.TB, p *Port, b *frame.Batch, want int) *frame.Drops {
	t.Helper()
	drops := new(frame.Drops)
	for end := time.Now().Add(2 * time.Second); b.N < want; {
		if err := p.Receive(b, drops); err != nil {
			t.Fatalf("Receive: %v", err)
		}
		if time.Now().After(end) {
			t.Fatalf("received %d frames, want %d; drops %v", b.N, want, *drops)
		}
	}
	return drops
}

// ethernet is a broadcast frame of n bytes whose payload counts up from seed.
func ethernet(n, seed int) []byte {
	f := make([]byte, n)
	copy(f, "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5") // local experimental EtherType
	for i := 14; i < n; i++ {
		f[i] = byte(seed + i)
	}
	if n >= 18 {
		f[14], f[15], f[16], f[17] = byte(seed>>24), byte(seed>>16), byte(seed>>8), byte(seed)
	}
	return f
}
