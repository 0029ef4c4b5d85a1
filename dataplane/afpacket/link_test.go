package afpacket

import (
	"bytes"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

func TestDeviceDownAndUp(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a, b, in := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"}), newBatch(t)
	n.ip(t, "link set dev b down")
	waitDown(t, b)
	waitQuiet(t, b)
	if s := send(t, b, ethernet(60, 0)); s.Down != 1 {
		t.Errorf("sent %+v, want 1 down", s)
	}
	n.ip(t, "link set dev b up")
	if err := b.Receive(in, new(frame.Drops)); err != nil {
		t.Errorf("after the device came up: %v", err)
	}
	send(t, a, ethernet(60, 5))
	receive(t, b, in, 1)
	if s := send(t, b, ethernet(60, 0)); s.Frames != 1 {
		t.Errorf("sent %+v after the device came up", s)
	}
}

// What arrived before the device went down is still received, whole.
func TestLongFramesOutliveTheirDevice(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	a, b, in := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"}), newBatch(t)
	for i := range 3 {
		send(t, a, ethernet(5000, i))
	}
	n.ip(t, "link set dev b down")
	receive(t, b, in, 3)
	for i := range 3 {
		if !bytes.Equal(in.Frames[i].Bytes(), ethernet(5000, i)) {
			t.Errorf("frame %d differs", i)
		}
	}
	b.Release()
	waitDown(t, b)
}

// A device that went down and up unnoticed leaves an error on the socket; one
// frame pays for it, not the port.
func TestStaleErrorCostsOneFrame(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	b := n.port(t, Config{Name: "b"})
	n.ip(t, "link set dev b down")
	n.ip(t, "link set dev b up")
	out := newBatch(t)
	for i := range 4 {
		out.AddCopy(ethernet(60, i))
	}
	if s := b.Transmit(out, all(out)); s.Down != 1 || s.Frames != 3 {
		t.Errorf("sent %+v, want 1 down and 3 gone", s)
	}
	if err := b.Receive(newBatch(t), new(frame.Drops)); err != nil {
		t.Errorf("Receive: %v on a device that is up", err)
	}
}

func TestOpenOnADeviceThatIsDown(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	n.ip(t, "link set dev b down")
	a, b, in := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"}), newBatch(t)
	if err := b.Receive(in, new(frame.Drops)); !errors.Is(err, frame.ErrDown) {
		t.Errorf("Receive: %v, want %v", err, frame.ErrDown)
	}
	n.ip(t, "link set dev b up")
	send(t, a, ethernet(60, 5))
	receive(t, b, in, 1)
}

func TestDeviceDeleted(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	b := n.port(t, Config{Name: "b"})
	n.ip(t, "link del dev a")
	waitDown(t, b)
	waitQuiet(t, b)
	if s := send(t, b, ethernet(60, 0)); s.Down != 1 {
		t.Errorf("sent %+v, want 1 down", s)
	}
	n.veth(t, "a", "b", 1500) // the same name is another device
	if err := b.Receive(newBatch(t), new(frame.Drops)); !errors.Is(err, frame.ErrDown) {
		t.Errorf("Receive: %v on a port whose device is gone for ever", err)
	}
}

func TestDeviceMovedAwayIsGone(t *testing.T) {
	n, other := newNetns(t), newNetns(t)
	n.veth(t, "a", "b", 1500)
	b := n.port(t, Config{Name: "b"})
	n.ip(t, "link set dev b netns "+string(other))
	waitDown(t, b)
	if !b.link.gone.Load() {
		t.Error("a device in another namespace is not known to be gone")
	}
}

// waitDown asks the port until it says that the device is down.
func waitDown(t *testing.T, p *Port) {
	t.Helper()
	b := newBatch(t)
	for range 4 { // an empty Receive asks the socket after another empty one
		if err := p.Receive(b, new(frame.Drops)); errors.Is(err, frame.ErrDown) {
			return
		}
	}
	t.Fatal("Receive does not say that the device is down")
}

// waitQuiet checks that a worker could sleep on the port.
func waitQuiet(t *testing.T, p *Port) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(p.FD()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 10); n != 0 || err != nil {
		t.Errorf("poll: %d events %#x, %v; a worker would spin", n, fds[0].Revents, err)
	}
}

func TestPollWakes(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a, b, in := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"}), newBatch(t)
	if b.Pending() {
		t.Error("pending without a frame")
	}
	waitQuiet(t, b)
	send(t, a, ethernet(60, 0))
	fds := []unix.PollFd{{Fd: int32(b.FD()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 2000); n != 1 || err != nil {
		t.Fatalf("poll: %d, %v", n, err)
	}
	if !b.Pending() {
		t.Error("not pending though it polls readable")
	}
	receive(t, b, in, 1)
	b.Release()
	waitQuiet(t, b)
}
