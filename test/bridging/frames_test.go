package bridging

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// experimental is the EtherType for local experiments (IEEE 802), which no stack
// answers.
const experimental = 0x88b5

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// numbered is an Ethernet frame of that type whose payload is a number.
func numbered(dst, src net.HardwareAddr, number uint32) []byte {
	f := make([]byte, 60)
	copy(f, dst)
	copy(f[6:], src)
	binary.BigEndian.PutUint16(f[12:], experimental)
	binary.BigEndian.PutUint32(f[14:], number)
	return f
}

// ear receives numbered frames of one device.
type ear struct {
	name string
	fd   int
	end  chan struct{}
	mu   sync.Mutex
	got  map[uint32]int // number → how often, not counting what is for another station
	all  map[uint32]int // what is for another station as well
}

// listen opens an ear. With the protocol of the frames it hears what the stack is
// given; with ETH_P_ALL what comes in on the device, whatever becomes of it.
func (s *scene) listen(name string, ns *testnet.NS, dev string, protocol uint16) *ear {
	s.T.Helper()
	e := &ear{name: name, end: make(chan struct{}), got: map[uint32]int{}, all: map[uint32]int{}}
	err := ns.Do(func() (err error) {
		e.fd, err = openPacket(dev, protocol)
		return err
	})
	if err != nil {
		s.T.Fatal(err)
	}
	var ended sync.WaitGroup
	ended.Go(e.run)
	s.T.Cleanup(func() { close(e.end); ended.Wait(); _ = unix.Close(e.fd) })
	return e
}

func openPacket(dev string, protocol uint16) (int, error) {
	link, err := net.InterfaceByName(dev)
	if err != nil {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	to := &unix.SockaddrLinklayer{Protocol: protocol<<8 | protocol>>8, Ifindex: link.Index}
	timeout := &unix.Timeval{Usec: 100_000}
	return fd, errors.Join(unix.Bind(fd, to), unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, timeout))
}

func (e *ear) run() {
	buf := make([]byte, 2048)
	for e.runs() {
		n, from, err := unix.Recvfrom(e.fd, buf, 0)
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
			continue
		case err != nil:
			return
		}
		ll := from.(*unix.SockaddrLinklayer)
		if n < 18 || ll.Pkttype == unix.PACKET_OUTGOING || binary.BigEndian.Uint16(buf[12:]) != experimental {
			continue
		}
		e.heard(binary.BigEndian.Uint32(buf[14:]), ll.Pkttype != unix.PACKET_OTHERHOST)
	}
}

func (e *ear) runs() bool {
	select {
	case <-e.end:
		return false
	default:
		return true
	}
}

func (e *ear) heard(number uint32, forMe bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all[number]++
	if forMe {
		e.got[number]++
	}
}

func (e *ear) count(number uint32, any bool) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if any {
		return e.all[number]
	}
	return e.got[number]
}

// send sends frames out of a device, as the namespace's own.
func send(ns *testnet.NS, dev string, frames ...[]byte) error {
	return ns.Do(func() error {
		fd, err := openPacket(dev, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, f := range frames {
			if _, err := unix.Write(fd, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// end is one who sends and hears.
type end struct {
	*ear
	ns  *testnet.NS
	dev string
	mac net.HardwareAddr
}

func (s *scene) end(name string, ns *testnet.NS, dev string) *end {
	s.T.Helper()
	mac, err := net.ParseMAC(ns.MAC(dev))
	if err != nil {
		s.T.Fatal(err)
	}
	return &end{s.listen(name, ns, dev, experimental), ns, dev, mac}
}

// wantOnce waits until each of the ends has heard the number, and sees that none
// hears it twice, nor anybody else.
func (s *scene) wantOnce(what string, number uint32, all, hear []*end) {
	s.T.Helper()
	deadline := time.Now().Add(patience)
	for _, e := range hear {
		for e.count(number, false) == 0 && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
	}
	for _, e := range all {
		want := 0
		if slices.Contains(hear, e) {
			want = 1
		}
		if got := e.count(number, false); got != want {
			s.T.Errorf("%s: heard %d times by %s, want %d", what, got, e.name, want)
		}
	}
}

// TestEachFrameArrivesOnce sends from every end to every other, to all and to
// groups, and counts at each end; between host and guests nothing goes to the
// wire but what is for a group.
func TestEachFrameArrivesOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, "bronce")
	d := s.Start(lab.Options{})
	s.create(d)
	one, two := s.Guest("one"), s.Guest("two")
	for _, g := range []*lab.Guest{one, two} {
		d.Run("port", "add", "lan", g.Port)
	}
	guests := []*end{s.end("guest one", one.NS, "eth0"), s.end("guest two", two.NS, "eth0")}
	host, station := s.end("host", s.Host, "eth0"), s.end("station", s.station, "eth0")
	router := s.end("router", s.Server, "lan")
	wire := s.listen("wire", s.Server, "eth0", unix.ETH_P_ALL)
	all := append(slices.Clone(guests), host, station, router)
	groups := []net.HardwareAddr{broadcast, {1, 0, 0x5e, 0, 0, 0xfb}, {0x33, 0x33, 0, 0, 0, 0xfb}}

	number := uint32(0)
	try := func(what string, from *end, to net.HardwareAddr, hear []*end, wired int) {
		t.Helper()
		number++
		if err := send(from.ns, from.dev, numbered(to, from.mac, number)); err != nil {
			t.Fatal(err)
		}
		s.wantOnce(what, number, all, hear)
		if got := wire.count(number, true); got != wired {
			t.Errorf("%s: %d times from the host to the wire, want %d", what, got, wired)
		}
	}
	for range 2 { // stations are learned in the first round, from their frames to all
		for _, from := range all {
			others := slices.DeleteFunc(slices.Clone(all), func(e *end) bool { return e == from })
			inside := from != station && from != router
			for _, to := range groups {
				try(fmt.Sprintf("%s to %s", from.name, to), from, to, others, bit(inside))
			}
		}
	}
	for _, from := range all {
		for _, to := range all {
			if from != to {
				inside := from != station && from != router
				outside := to == station || to == router
				try(from.name+" to "+to.name, from, to.mac, []*end{to}, bit(inside && outside))
			}
		}
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
