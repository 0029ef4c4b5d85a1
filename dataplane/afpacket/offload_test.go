package afpacket

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// udp4 is a UDP datagram in a frame of n bytes, from 10.0.0.1:1000 to
// 10.0.0.2:2000, with the pseudo-header's sum where the checksum goes.
func udp4(n int) []byte {
	f := ethernet(n, 0)
	wire.Ethernet(f).SetType(wire.TypeIPv4)
	copy(f[14:], []byte{0x45, 0, byte((n - 14) >> 8), byte(n - 14), 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2})
	wire.IPv4(f[14:]).FillChecksum()
	l := n - 34
	copy(f[34:], []byte{3, 232, 7, 208, byte(l >> 8), byte(l), 0, 0})
	sum := 10<<8 + 1 + 10<<8 + 2 + 17 + l
	f[40], f[41] = byte(sum>>8), byte(sum)
	return f
}

// A frame comes through two ports with its offload, with its tag and with the
// offsets moved, whether it lies in a slot or beside.
func TestVLANTagIsPutBack(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	for _, l := range []int{200, 5000} {
		for _, tpid := range []uint16{wire.TypeVLAN, wire.TypeQinQ} {
			t.Run(fmt.Sprintf("%d/%04x", l, tpid), func(t *testing.T) {
				out, in := newBatch(t), newBatch(t)
				f := out.AddCopy(udp4(l))
				f.Offload = frame.Offload{Flags: frame.NeedsCsum, CsumStart: 34, CsumOffset: 6}
				f.InsertVLAN(tpid, 3<<13|100)
				if s := a.Transmit(out, all(out)); s.Frames != 1 {
					t.Fatalf("sent %+v", s)
				}
				receive(t, b, in, 1)
				g := &in.Frames[0]
				if !bytes.Equal(g.Bytes(), f.Bytes()) {
					t.Errorf("frame differs:\n got %x\nwant %x", g.Bytes()[:64], f.Bytes()[:64])
				}
				if g.Offload != f.Offload || g.Offload.CsumStart != 38 {
					t.Errorf("offload %+v, want %+v", g.Offload, f.Offload)
				}
				b.Release()
			})
		}
	}
}

// A superframe's hdr_len is measured, whatever the sender claims.
func TestHeaderLengthIsTrue(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	for _, claim := range []uint16{0, 42, 30000} {
		out, in := newBatch(t), newBatch(t)
		f := out.AddCopy(udp4(30000))
		f.Offload = frame.Offload{Flags: frame.NeedsCsum, GSO: frame.GSOUDPL4, HdrLen: claim, GSOSize: 1000, CsumStart: 34, CsumOffset: 6}
		if !takesUSO() {
			t.Skip("this kernel takes no UDP superframes")
		}
		if s := a.Transmit(out, all(out)); s.Frames != 1 {
			t.Fatalf("sent %+v", s)
		}
		if f.Offload.HdrLen != claim {
			t.Error("Transmit changed the frame that other ports send too")
		}
		receive(t, b, in, 1)
		g := &in.Frames[0]
		if !bytes.Equal(g.Bytes(), f.Bytes()) || g.Offload.GSOSize != 1000 || g.Offload.GSO != frame.GSOUDPL4 {
			t.Errorf("claim %d: frame or offload %+v differs", claim, g.Offload)
		}
		// the kernel reports what it holds in one piece: what we told it
		if g.Offload.HdrLen != 42 {
			t.Errorf("claim %d: hdr_len %d arrived, want 42", claim, g.Offload.HdrLen)
		}
		b.Release()
	}
}

// A superframe longer than any buffer ("big TCP") is dropped under its name and
// takes no other frame with it.
func TestFrameLongerThanABuffer(t *testing.T) {
	if !takesUSO() {
		t.Skip("this kernel takes no UDP superframes")
	}
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	n.ip(t, "link set dev a gso_max_size 200000")
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	o := frame.Offload{Flags: frame.NeedsCsum, GSO: frame.GSOUDPL4, GSOSize: 1000, CsumStart: 54, CsumOffset: 6}
	out, in := newBatch(t), newBatch(t)
	for _, l := range []int{40000, 100000, 50000} {
		data := ethernet(l, l)
		copy(data, udp6(l))
		out.Add(data, 0, l).Offload = o
	}
	if s := a.Transmit(out, all(out)); s.Frames != 3 {
		t.Fatalf("sent %+v", s)
	}
	drops := receive(t, b, in, 2)
	if drops[frame.RxCut] != 1 || in.Frames[0].Len() != 40000 || in.Frames[1].Len() != 50000 {
		t.Errorf("frames of %d and %d bytes, drops %v", in.Frames[0].Len(), in.Frames[1].Len(), *drops)
	}
}

// udp6 is the headers of a UDP datagram over IPv6 in a frame of n bytes.
func udp6(n int) []byte {
	f := ethernet(62, 0)
	wire.Ethernet(f).SetType(wire.TypeIPv6)
	l := n - 54
	copy(f[14:], []byte{0x60, 0, 0, 0, byte(l >> 8), byte(l), 17, 64})
	f[22], f[37], f[38], f[53] = 0xfd, 1, 0xfd, 2
	copy(f[54:], []byte{3, 232, 7, 208, byte(l >> 8), byte(l), 0, 0})
	return f
}

// A frame without headroom goes out as one with it.
func TestFrameWithoutHeadroom(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a, b := n.port(t, Config{Name: "a"}), n.port(t, Config{Name: "b"})
	out, in := newBatch(t), newBatch(t)
	data := udp4(300)
	out.Add(data, 0, len(data)).Offload = frame.Offload{Flags: frame.NeedsCsum, CsumStart: 34, CsumOffset: 6}
	if s, want := a.Transmit(out, all(out)), (frame.Sent{Frames: 1, Bytes: 300}); s != want {
		t.Fatalf("sent %+v, want %+v", s, want)
	}
	receive(t, b, in, 1)
	if !bytes.Equal(in.Frames[0].Bytes(), data) || in.Frames[0].Offload != out.Frames[0].Offload {
		t.Error("frame or offload differs")
	}
}

// The bytes of a stream between two namespaces arrive unharmed through ports
// and loops, as superframes, plain and with a tag that the kernel takes off.
func TestTCPStream(t *testing.T) {
	for name, vlan := range map[string]bool{"plain": false, "vlan": true} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, vlan)
			l.stream(t, "10.7.0.2:7000", 64<<20)
			if l.longest.Load() < 30000 {
				t.Errorf("the longest frame had %d bytes: no superframes", l.longest.Load())
			}
			if tagged := l.tagged.Load(); vlan != (tagged > 0) {
				t.Errorf("%d frames with a tag", tagged)
			}
			for _, p := range l.ports {
				if s, err := p.Stats(); err != nil || s.Dropped != 0 {
					t.Errorf("stats %+v, %v", s, err)
				}
			}
		})
	}
}

// stream sends n random bytes from the left station to address to and compares
// what arrives.
func (l *lab) stream(t *testing.T, to string, n int64) {
	var ln net.Listener
	var out net.Conn
	var err error
	l.b.do(t, func() { ln, err = net.Listen("tcp4", to) })
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	l.a.do(t, func() { out, err = net.DialTimeout("tcp4", to, 3*time.Second) })
	if err != nil {
		t.Fatal(err)
	}
	in, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	_ = in.SetReadDeadline(time.Now().Add(20 * time.Second))
	sent, got := sha256.New(), sha256.New()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer out.Close()
		src := io.LimitReader(rand.NewChaCha8([32]byte{1}), n)
		_, _ = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(out, sent)}, src, make([]byte, 256<<10))
	})
	m, err := io.CopyBuffer(struct{ io.Writer }{got}, in, make([]byte, 256<<10))
	wg.Wait()
	if err != nil || m != n || !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
		t.Errorf("%d of %d bytes, %v, or another SHA-256", m, n, err)
	}
}

// A device without link header: frames have one here, and none there.
func TestDeviceWithoutLinkHeader(t *testing.T) {
	n := newNetns(t)
	tun := n.tun(t, "tun0")
	n.ip(t, "link set tun0 up")
	p, in := n.port(t, Config{Name: "tun0"}), newBatch(t)
	if !p.l3 {
		t.Fatal("a tun device is taken for Ethernet")
	}
	whole := udp4(1000)
	copy(whole, make([]byte, 12))
	o := frame.Offload{Flags: frame.NeedsCsum, CsumStart: 34, CsumOffset: 6}
	vnet := make([]byte, frame.VnetLen)

	bare := o
	bare.CsumStart -= wire.EthernetLen
	bare.Encode(vnet)
	if _, err := unix.Writev(tun, [][]byte{vnet, whole[14:]}); err != nil {
		t.Fatal(err)
	}
	receive(t, p, in, 1)
	if f := &in.Frames[0]; !bytes.Equal(f.Bytes(), whole) || f.Offload != o {
		t.Errorf("received %x, offload %+v; want %x, %+v", f.Bytes()[:48], f.Offload, whole[:48], o)
	}

	out := newBatch(t)
	out.AddCopy(whole).Offload = o
	out.AddCopy(ethernet(100, 0)) // not IP
	before := bytes.Clone(out.Frames[0].Bytes())
	if s, want := p.Transmit(out, all(out)), (frame.Sent{Frames: 1, Bytes: 986, Failed: 1}); s != want {
		t.Errorf("sent %+v, want %+v", s, want)
	}
	if !bytes.Equal(before, out.Frames[0].Bytes()) {
		t.Error("Transmit wrote to the frame")
	}
	buf := make([]byte, 2000)
	k, err := unix.Read(tun, buf)
	if err != nil {
		t.Fatal(err)
	}
	var back frame.Offload
	back.Decode(buf)
	if !bytes.Equal(buf[frame.VnetLen:k], whole[14:]) || back != bare {
		t.Errorf("the device got %d bytes, offload %+v; want %d, %+v", k-frame.VnetLen, back, len(whole)-14, bare)
	}
}

// tun makes a tun device with vnet headers and gives its descriptor.
func (n netns) tun(t *testing.T, name string) int {
	t.Helper()
	var fd int
	var err error
	n.do(t, func() { // a tun descriptor belongs to the namespace that it was opened in
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
			return
		}
		ifr, _ := unix.NewIfreq(name)
		ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
	})
	if err == nil {
		err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}
