package natting

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"
)

// TestMiddleMTU has a link of 1400 bytes behind the router: its frag-needed must
// reach the guest, with the inner headers as the guest sent them.
func TestMiddleMTU(t *testing.T) {
	b := newBed(t)
	b.router.MTU("eth1", 1400)
	b.server.MTU("eth0", 1400)
	b.narrow()
	b.answers(b.guest, "From "+routerAddr+" icmp_seq=1 Frag needed and DF set (mtu = 1400)",
		"ping", "-c1", "-W5", "-Mdo", "-s1450", "10.8.0.2")
}

// TestUplinkMTU has an uplink of 1400 bytes below the guests' 1500: superframes
// whose segments would be too long must not leave (proofs §8). The uplink cuts
// superframes, so that the capture shows the segments.
func TestUplinkMTU(t *testing.T) {
	b := newBed(t)
	b.host.Offload("eth0", false)
	b.router.Offload("eth0", false)
	b.host.MTU("eth0", 1400)
	b.router.MTU("eth0", 1400)
	capture := b.host.Capture("eth0", "greater 1415")
	b.narrow()
	b.answers(b.guest, "From "+gateway+" icmp_seq=1 Frag needed and DF set (mtu = 1400)",
		"ping", "-c1", "-W5", "-Mdo", "-s1450", "10.8.0.2")
	if n := b.drops("vg1", "needs-frag"); n < 3 {
		t.Errorf("%d frames were answered with frag-needed, by TCP, UDP and ping", n)
	}
	if n := b.drops("eth0", "too-big"); n > 0 {
		t.Errorf("%d superframes were lost without a word to the guest", n)
	}
	capture.Stop()
	if n := capture.Count("src " + uplinkAddr); n > 0 {
		t.Fatalf("%d frames left through an MTU of 1400 that are longer", n)
	}
}

// narrow sends all sorts over a way of 1400 bytes that guests take for 1500. Each
// sort has a server of its own: a guest remembers the path MTU of a server.
func (b *bed) narrow() {
	b.serveTCP(b.server, serverAddr+":80")
	b.echoUDP(b.server, serverAddr+":7")
	b.echoUDP(b.server, thirdAddr+":7")
	b.echoUDP(b.server, "10.8.0.2:7")
	b.run("tcp", func(b *bed) {
		s := b.connect(b.guest, "", serverAddr+":80")
		start := time.Now()
		b.exchange(s, 20<<20, 20<<20)
		if d := time.Since(start); d > 8*time.Second {
			b.Errorf("40 MiB took %v: TCP crawls", d)
		}
	})
	b.run("udp with DF", func(b *bed) {
		conn := b.connectUDP(b.guest, thirdAddr+":7")
		discover(b, conn, 2) // IP_PMTUDISC_DO
		if err := tooLong(conn); err != nil {
			b.Error(err)
		}
	})
	b.run("udp without DF", func(b *bed) {
		conn := b.bindUDP(b.guest, ":0")
		discover(b, conn, 0) // IP_PMTUDISC_DONT
		for _, n := range []int{1372, 1373, 1472, 1473, 9000} {
			b.askUDP(conn, "10.8.0.2:7", random(n))
		}
	})
}

// discover sets IP_MTU_DISCOVER.
func discover(b *bed, conn any, mode int) {
	b.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err == nil {
		err = option(syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER, mode)("", "", raw)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// tooLong requires that the path MTU becomes known: 1,472 bytes are taken at
// first and refused with EMSGSIZE when the error has come back.
func tooLong(conn net.Conn) error {
	for range 100 {
		if _, err := conn.Write(random(1472)); err != nil {
			return errors.Join(is(err, syscall.EMSGSIZE), passes(conn))
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("no frag-needed came")
}

// passes requires that what fits goes through. An error may still be waiting,
// and the first write or read reports it.
func passes(conn net.Conn) (err error) {
	for range 5 {
		if err = echoed(conn, random(1372)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("1372 bytes: %w", err)
}

func echoed(conn net.Conn, want []byte) error {
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write(want); err != nil {
		return err
	}
	buf := make([]byte, 2048)
	n, err := conn.Read(buf)
	if err != nil {
		return err
	}
	if _, got, _ := bytes.Cut(buf[:n], []byte("|")); !bytes.Equal(got, want) {
		return fmt.Errorf("%d bytes came back", len(got))
	}
	return nil
}
