package switching

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// station is a packet socket on a guest's eth0: it sends any bytes under any
// vnet header, and receives frames with their vnet header and their tag put
// back.
type station struct {
	t  *testing.T
	g  *guest
	fd int
}

// seen is a frame that a station received.
type seen struct {
	vnet vnet
	data []byte
}

// vnet is struct virtio_net_hdr (linux/virtio_net.h).
type vnet struct {
	flags, gso         uint8
	hdrLen, gsoSize    uint16
	csumStart, csumOff uint16
}

const (
	needsCsum = 1
	gsoTCP4   = 1
	gsoUDP    = 3
	gsoTCP6   = 4
	gsoUDPL4  = 5
)

func (v vnet) bytes() []byte {
	b := []byte{v.flags, v.gso}
	for _, n := range []uint16{v.hdrLen, v.gsoSize, v.csumStart, v.csumOff} {
		b = binary.LittleEndian.AppendUint16(b, n)
	}
	return b
}

func parseVnet(b []byte) vnet {
	le := binary.LittleEndian.Uint16
	return vnet{b[0], b[1], le(b[2:]), le(b[4:]), le(b[6:]), le(b[8:])}
}

// station opens a packet socket on the guest's device.
func (g *guest) station(t *testing.T) *station {
	t.Helper()
	s := &station{t: t, g: g, fd: -1}
	err := g.ns.Do(func() error {
		dev, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		if s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		for opt, v := range map[int]int{unix.PACKET_VNET_HDR: 1, unix.PACKET_AUXDATA: 1, unix.PACKET_IGNORE_OUTGOING: 1} {
			if err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, opt, v); err != nil {
				return err
			}
		}
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
			return err
		}
		promisc := unix.PacketMreq{Ifindex: int32(dev.Index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(s.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &promisc); err != nil {
			return err
		}
		tv := unix.NsecToTimeval((20 * time.Millisecond).Nanoseconds())
		if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
			return err
		}
		return unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: 0x0300, Ifindex: dev.Index}) // ETH_P_ALL
	})
	if err != nil {
		t.Fatalf("station on %s: %v", g.port, err)
	}
	t.Cleanup(func() { unix.Close(s.fd) })
	return s
}

// try sends a frame under a vnet header; the guest's own kernel may refuse it.
func (s *station) try(v vnet, data []byte) error {
	_, err := unix.Write(s.fd, append(v.bytes(), data...))
	return err
}

// send sends complete frames.
func (s *station) send(frames ...[]byte) {
	s.t.Helper()
	for _, f := range frames {
		if err := s.try(vnet{}, f); err != nil {
			s.t.Fatalf("send %d bytes: %v", len(f), err)
		}
	}
}

// receive is the next frame; ok is false when none comes for 20 ms.
func (s *station) receive() (f seen, ok bool) {
	buf, oob := make([]byte, 70000), make([]byte, 128)
	n, noob, _, _, err := unix.Recvmsg(s.fd, buf, oob, 0)
	if err != nil || n < 10 {
		return seen{}, false
	}
	f = seen{parseVnet(buf), buf[10:n]}
	messages, _ := unix.ParseSocketControlMessage(oob[:noob])
	for _, m := range messages {
		if m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA {
			f.putTagBack(m.Data)
		}
	}
	return f, true
}

// putTagBack undoes what the receiving kernel did: struct tpacket_auxdata has
// status at 0, the tag at 16 and its EtherType at 18.
func (f *seen) putTagBack(aux []byte) {
	if binary.LittleEndian.Uint32(aux)&unix.TP_STATUS_VLAN_VALID == 0 {
		return
	}
	tag := binary.BigEndian.AppendUint16(nil, binary.LittleEndian.Uint16(aux[18:]))
	tag = binary.BigEndian.AppendUint16(tag, binary.LittleEndian.Uint16(aux[16:]))
	f.data = bytes.Join([][]byte{f.data[:12], tag, f.data[12:]}, nil)
	if f.vnet.flags&needsCsum != 0 {
		f.vnet.csumStart += 4
	}
}

// collect receives until n frames have passed keep, or nothing more comes for
// two seconds; and then looks for one too many.
func (s *station) collect(n int, keep func(seen) bool) (list []seen) {
	s.t.Helper()
	quiet := 0
	for quiet < 100 && (len(list) < n || quiet < 3) {
		f, ok := s.receive()
		switch {
		case !ok:
			quiet++
		case keep(f):
			list, quiet = append(list, f), 0
		}
	}
	return list
}

// arrives waits up to two seconds for a frame that passes keep.
func (s *station) arrives(keep func(seen) bool) bool {
	s.t.Helper()
	for range 100 {
		if f, ok := s.receive(); ok && keep(f) {
			return true
		}
	}
	return false
}

// typ keeps frames of an EtherType, behind tags.
func typ(want uint16) func(seen) bool {
	return func(f seen) bool {
		at := 12
		for at+4 < len(f.data) && (f.data[at] == 0x81 && f.data[at+1] == 0 || f.data[at] == 0x88 && f.data[at+1] == 0xa8) {
			at += 4
		}
		return len(f.data) >= at+2 && binary.BigEndian.Uint16(f.data[at:]) == want
	}
}

// experimental is the EtherType of test frames: for local experiments, IEEE Std
// 802 §10.2; no stack answers it.
const experimental = 0x88b5

// ether is a frame of n bytes, its payload numbered.
func ether(dst, src net.HardwareAddr, typ uint16, n int, tag ...byte) []byte {
	b := bytes.Join([][]byte{dst, src, tag, {byte(typ >> 8), byte(typ)}}, nil)
	for len(b) < n {
		b = append(b, byte(len(b)*7))
	}
	return b
}

var broadcast = net.HardwareAddr{255, 255, 255, 255, 255, 255}

// mac is a station address that no device has.
func mac(n int) net.HardwareAddr {
	return net.HardwareAddr{2, 0x5e, 0, 0, byte(n >> 8), byte(n)}
}
