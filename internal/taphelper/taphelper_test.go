package taphelper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ubridge/internal/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a server that makes what makeTap makes, and returns its socket.
func serve(t *testing.T, makeTap Maker) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "helper.sock")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, makeTap, slog.New(slog.NewTextHandler(io.Discard, nil))) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if _, err := os.Stat(socket); err == nil {
			t.Error("the socket is left behind")
		}
	})
	return socket
}

// pipes makes "taps" that can be told from one another: the reading ends of pipes
// that hold the request's network.
func pipes(_ context.Context, peer api.Peer, r Request) (Tap, error) {
	if r.Bridge == "refused" {
		return Tap{}, api.Errorf(api.Permission, "uid %d may not", peer.UID)
	}
	in, out, err := os.Pipe()
	if err != nil {
		return Tap{}, err
	}
	defer out.Close()
	_, err = fmt.Fprintf(out, "%s %v", r.Bridge, r.VnetHdr)
	return Tap{File: in, Port: "ubtap0"}, err
}

func TestATapIsPassedOn(t *testing.T) {
	socket := serve(t, pipes)
	tap, err := Ask(t.Context(), socket, Request{Bridge: "default", VnetHdr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tap.File.Close()
	if tap.Port != "ubtap0" {
		t.Errorf("port %q", tap.Port)
	}

	// What QEMU does: a byte of zero, and the descriptor with it.
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(ends[0])
	defer syscall.Close(ends[1])
	if err := PassOn(tap, ends[1]); err != nil {
		t.Fatal(err)
	}
	data, oob := make([]byte, 8), make([]byte, 64)
	n, oobn, _, _, err := syscall.Recvmsg(ends[0], data, oob, 0)
	if err != nil || n != 1 || data[0] != 0 {
		t.Fatalf("QEMU gets %v, %v", data[:max(n, 0)], err)
	}
	fd, err := oneDescriptor(oob[:oobn])
	if err != nil {
		t.Fatal(err)
	}
	got := os.NewFile(uintptr(fd), "passed")
	defer got.Close()
	text, err := io.ReadAll(got)
	if err != nil || string(text) != "default true" {
		t.Errorf("the descriptor passed on holds %q, %v", text, err)
	}
	if err := PassOn(tap, 99); err == nil || !strings.Contains(err.Error(), "descriptor 99") {
		t.Errorf("to a descriptor that is none: %v", err)
	}
}

func TestRefusalsReachTheCaller(t *testing.T) {
	socket := serve(t, pipes)
	_, err := Ask(t.Context(), socket, Request{Bridge: "refused"})
	if api.CodeOf(err) != api.Permission || !strings.Contains(err.Error(), fmt.Sprintf("uid %d may not", os.Getuid())) {
		t.Errorf("refused: %v (%s)", err, api.CodeOf(err))
	}
	_, err = Ask(t.Context(), socket, Request{})
	if api.CodeOf(err) != api.Usage || !strings.Contains(err.Error(), "--br") {
		t.Errorf("no network: %v", err)
	}
	_, err = Ask(t.Context(), socket+"x", Request{Bridge: "default"})
	if api.CodeOf(err) != api.Unavailable || !strings.Contains(err.Error(), "ubridge run") {
		t.Errorf("no daemon: %v", err)
	}
}

// TestBadCallers send what no helper sends; others are served meanwhile.
func TestBadCallers(t *testing.T) {
	socket := serve(t, pipes)
	dial := func() *net.UnixConn {
		c, err := net.DialUnix(network, nil, &net.UnixAddr{Net: network, Name: socket})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	silent := dial() // says nothing
	gone := dial()   // is gone before it is answered
	if _, err := gone.Write([]byte(`{"bridge":"default"}`)); err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for _, record := range []string{"", "{", "[]", `{"bridge":"a"}{"bridge":"b"}`, `{"bridge":"a","uid":0}`, strings.Repeat("x", maxRecord+100)} {
		c := dial()
		if _, err := c.Write([]byte(record)); err != nil {
			t.Fatalf("%.20q: %v", record, err)
		}
		reply := make([]byte, maxRecord)
		n, err := c.Read(reply)
		if err != nil || !bytes.Contains(reply[:n], []byte(`"code":"usage"`)) {
			t.Errorf("%.20q is answered %q, %v", record, reply[:max(n, 0)], err)
		}
	}
	tap, err := Ask(t.Context(), socket, Request{Bridge: "default"})
	if err != nil {
		t.Fatalf("while another caller is silent: %v", err)
	}
	tap.File.Close()
	silent.Close()
}

func TestOneUserDoesNotTakeAll(t *testing.T) {
	l, now := newLimits(), time.Unix(1000, 0)
	var err error
	for range maxUserCalls {
		err = errors.Join(err, l.enter(1, now))
	}
	if err != nil {
		t.Fatalf("the first calls: %v", err)
	}
	if l.enter(1, now) == nil {
		t.Error("one call too many of a user is let in")
	}
	if err := l.enter(2, now); err != nil {
		t.Errorf("another user: %v", err)
	}
	l.leave(2)
	for range maxUserCalls {
		l.leave(1)
	}
	for range burst - maxUserCalls {
		if err := l.enter(1, now); err != nil {
			t.Fatalf("within the burst: %v", err)
		}
		l.leave(1)
	}
	if l.enter(1, now) == nil {
		t.Error("past the burst a request is let in")
	}
	if err := l.enter(1, now.Add(time.Second)); err != nil {
		t.Errorf("a second later: %v", err)
	}
	l.leave(1)
	if err := l.enter(3, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if len(l.users) != 1 || l.users[3] == nil {
		t.Errorf("after an hour %d users are remembered", len(l.users))
	}
}

// TestRateLimitIsSaid asks until it is too much.
func TestRateLimitIsSaid(t *testing.T) {
	socket := serve(t, pipes)
	for range 2 * burst {
		tap, err := Ask(t.Context(), socket, Request{Bridge: "default"})
		if err == nil {
			tap.File.Close()
			continue
		}
		if !strings.Contains(err.Error(), "try again") {
			t.Errorf("refused by %v", err)
		}
		return
	}
	t.Error("nothing was refused")
}

func TestListenReplacesOnlyWhatIsDead(t *testing.T) {
	socket := serve(t, pipes)
	if _, err := Listen(socket); api.CodeOf(err) != api.Conflict {
		t.Errorf("beside a living one: %v", err)
	}
	stale := filepath.Join(t.TempDir(), "stale.sock")
	l, err := net.ListenUnix(network, &net.UnixAddr{Net: network, Name: stale})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	again, err := Listen(stale)
	if err != nil {
		t.Fatalf("over a dead one: %v", err)
	}
	info, err := os.Stat(stale)
	if err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file); err == nil {
		t.Error("a file is replaced")
	}
}
