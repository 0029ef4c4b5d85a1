package afpacket

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// A UFO superframe wedges the ring; Health tells, and a new port on the same
// device works. When this fails since the ring works on, the kernel was mended.
func TestUFOWedgesTheRing(t *testing.T) {
	n := newNetns(t)
	guest := n.tap(t, "t0")
	n.ip(t, "link set t0 up")
	p, in := n.port(t, Config{Name: "t0"}), newBatch(t)
	stuck := func(want bool) {
		t.Helper()
		if got, err := p.Health(); got.Stuck != want || err != nil {
			t.Errorf("%+v, %v, want stuck %v", got, err, want)
		}
	}
	inject(t, guest, frame.Offload{}, ethernet(60, 0))
	receive(t, p, in, 1)
	p.Release()
	stuck(false)
	stuck(false) // nothing happened

	inject(t, guest, frame.Offload{Flags: frame.NeedsCsum, GSO: frame.GSOUDP, GSOSize: 1480, CsumStart: 34, CsumOffset: 6}, udp4(4000))
	inject(t, guest, frame.Offload{}, ethernet(60, 1))
	time.Sleep(20 * time.Millisecond)
	in.Reset()
	if _ = p.Receive(in, new(frame.Drops)); in.N != 0 {
		t.Errorf("%d frames passed a wedged ring", in.N)
	}
	stuck(true)

	p = n.port(t, Config{Name: "t0"})
	inject(t, guest, frame.Offload{}, ethernet(60, 2))
	receive(t, p, in, 1)
	if !bytes.Equal(in.Frames[0].Bytes(), ethernet(60, 2)) {
		t.Error("another frame arrived")
	}
	stuck(false)
}

// tap opens a tap as a guest's back end does.
func (n netns) tap(t *testing.T, name string) (fd int) {
	t.Helper()
	n.do(t, func() {
		var err error
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
		ifr, _ := unix.NewIfreq(name)
		ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// inject writes a frame from the guest's side.
func inject(t *testing.T, fd int, o frame.Offload, data []byte) {
	t.Helper()
	v := make([]byte, frame.VnetLen)
	o.Encode(v)
	if _, err := unix.Write(fd, append(v, data...)); err != nil {
		t.Fatal(err)
	}
}
