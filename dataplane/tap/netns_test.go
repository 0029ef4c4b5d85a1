package tap

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
	n := netns(fmt.Sprintf("h7-tap-%d-%d", os.Getpid(), netnsCount.Add(1)))
	command(t, "ip", "netns", "add", string(n))
	t.Cleanup(func() { command(t, "ip", "netns", "del", string(n)) })
	command(t, "ip", "netns", "exec", string(n), "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
		"net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.tcp_congestion_control=reno")
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

// port opens a tap in the namespace, up, with an address and MTU 9000.
func (n netns) port(t testing.TB, c Config, addr string) *Port {
	t.Helper()
	var p *Port
	var err error
	n.do(t, func() { p, err = Open(c) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	n.ip(t, "addr add "+addr+" dev "+p.Name())
	n.ip(t, "link set dev "+p.Name()+" mtu 9000 up")
	return p
}

// peer is a packet socket on a device: the kernel's side of the tap.
func (n netns) peer(t testing.TB, dev int) int {
	t.Helper()
	var fd int
	var err error
	n.do(t, func() {
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1)
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0xb588, Ifindex: dev}) // 88b5, local experimental
	})
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// newBatch is a batch with an arena of its own.
func newBatch(t testing.TB) *frame.Batch {
	t.Helper()
	a, err := frame.NewArena(frame.BatchSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return &frame.Batch{Arena: a}
}

// receive waits for a frame that want accepts, for up to two seconds.
func receive(t testing.TB, p *Port, want func(*frame.Frame) bool) *frame.Frame {
	t.Helper()
	b, drops := newBatch(t), new(frame.Drops)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); b.Reset() {
		if err := p.Receive(b, drops); err != nil {
			t.Fatalf("Receive: %v", err)
		}
		for i := range b.N {
			if want(&b.Frames[i]) {
				return &b.Frames[i]
			}
		}
	}
	t.Fatalf("the frame did not come; drops %v", *drops)
	return nil
}

// ethernet is a broadcast frame of n bytes of a local experimental EtherType.
func ethernet(n int) []byte {
	f := make([]byte, n)
	copy(f, "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5")
	for i := 14; i < n; i++ {
		f[i] = byte(i * 7)
	}
	return f
}
