package fastpath

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// transfer sends random bytes by TCP from one guest to the other and compares their
// SHA-256.
func transfer(t *testing.T, from, to *guest, size int) {
	t.Helper()
	var l net.Listener
	to.Must(func() (err error) {
		l, err = net.Listen("tcp4", netip.AddrPortFrom(to.addr, 5001).String())
		return err
	})
	defer l.Close()
	send(t, from, l, to.addr, size)
}

// send sends random bytes to a listener and compares what comes.
func send(t *testing.T, from *guest, l net.Listener, to netip.Addr, size int) {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		defer c.Close()
		h := sha256.New()
		n, err := io.Copy(h, c)
		got <- fmt.Sprintf("%d bytes, %x, %v", n, h.Sum(nil), err)
	}()
	data := make([]byte, size)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	from.Must(func() error {
		c, err := net.DialTimeout("tcp4", netip.AddrPortFrom(to, uint16(l.Addr().(*net.TCPAddr).Port)).String(), patience)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * patience))
		_, err = c.Write(data)
		return err
	})
	want := fmt.Sprintf("%d bytes, %x, %v", size, sha256.Sum256(data), nil)
	select {
	case s := <-got:
		if s != want {
			t.Errorf("got %s, want %s", s, want)
		}
	case <-time.After(10 * patience):
		t.Error("the transfer does not end")
	}
}

func closeSocket(t *testing.T, g *guest) {
	t.Helper()
	if err := unix.Close(g.socket); err != nil {
		t.Fatal(err)
	}
	g.socket = -1
}
