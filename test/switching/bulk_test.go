package switching

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// pairs are the ways in which two guests may be plugged in: alike, and mixed.
var pairs = [][2]plug{
	{{}, {}},
	{{off: true}, {off: true}},
	{{}, {off: true}},
	{{tap: true}, {}},
	{{tap: true}, {tap: true, off: true}},
	{{tap: true, off: true}, {off: true}},
}

// Bulk data between two guests arrives as it was sent, both ways, over IPv4 and
// IPv6, TCP and UDP, whatever either port leaves undone.
func TestBulk(t *testing.T) {
	for _, pair := range pairs {
		t.Run(fmt.Sprintf("%v,%v", pair[0], pair[1]), func(t *testing.T) {
			b := newBed(t, "")
			one, two := b.guest(pair[0]), b.guest(pair[1])
			for _, d := range []struct {
				from, to *guest
				what     string
			}{{one, two, "there"}, {two, one, "back"}} {
				for _, ip := range []string{d.to.ip4, d.to.ip6} {
					t.Run(d.what+"/tcp/"+ip, func(t *testing.T) { copyTCP(t, d.from, d.to, ip) })
					t.Run(d.what+"/udp/"+ip, func(t *testing.T) { copyUDP(t, d.from, d.to, ip) })
				}
			}
			t.Run("iperf3", func(t *testing.T) { iperf(t, one, two) })
			b.noDrops(t, one.port, two.port)
		})
	}
}

// noDrops asserts that bulk traffic was dropped for no other reason than that
// somebody was too slow.
func (b *bed) noDrops(t *testing.T, ports ...string) {
	t.Helper()
	for _, name := range ports {
		p := b.d.Port(name)
		delete(p.Drops, "queue-full")
		delete(p.Drops, "ring-full")
		delete(p.Drops, "no-port")
		if len(p.Drops) > 0 {
			t.Errorf("port %s dropped %v", name, p.Drops)
		}
		if p.RxFrames == 0 || p.TxFrames == 0 {
			t.Errorf("port %s: %d frames in, %d out: the traffic went elsewhere", name, p.RxFrames, p.TxFrames)
		}
	}
}

const bulkBytes = 16 << 20

// copyTCP sends random bytes and compares digests.
func copyTCP(t *testing.T, from, to *guest, ip string) {
	var l net.Listener
	err := to.ns.Do(func() (err error) { l, err = net.Listen("tcp", net.JoinHostPort(ip, "0")); return err })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type digest struct {
		sum []byte
		err error
	}
	got := make(chan digest, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- digest{err: err}
			return
		}
		defer c.Close()
		h := sha256.New()
		_, err = io.Copy(h, c)
		got <- digest{h.Sum(nil), err}
	}()
	var c net.Conn
	err = from.ns.Do(func() (err error) {
		c, err = net.DialTimeout("tcp", l.Addr().String(), 10*time.Second)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	want := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(c, want), rand.NewChaCha8([32]byte{1}), bulkBytes); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	d := <-got
	if d.err != nil || string(d.sum) != string(want.Sum(nil)) {
		t.Errorf("digest %x, %v, want %x", d.sum, d.err, want.Sum(nil))
	}
}

// iperf is the independent check: it counts and verifies by itself.
func iperf(t *testing.T, one, two *guest) {
	server := two.ns.Start("iperf3", "-s", "-p", "5201", "--forceflush")
	defer server.Stop()
	server.WaitFor("listening", 10*time.Second)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"tcp", []string{"-n", "64M"}},
		{"tcp reverse", []string{"-n", "64M", "-R"}},
		{"tcp6", []string{"-n", "64M", "-c", two.ip6}},
		{"udp", []string{"-u", "-b", "50M", "-t", "1"}},
		{"udp reverse", []string{"-u", "-b", "50M", "-t", "1", "-R"}},
	} {
		out, err := one.ns.Try(append([]string{"iperf3", "-J", "-c", two.ip4}, c.args...)...)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var r struct {
			End struct {
				Received struct {
					Bytes int64 `json:"bytes"`
				} `json:"sum_received"`
				Sum struct {
					Packets int     `json:"packets"`
					Lost    float64 `json:"lost_percent"`
				} `json:"sum"`
			} `json:"end"`
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		if r.End.Sum.Packets > 0 && r.End.Sum.Lost > 20 { // other work on the machine may cost some
			t.Errorf("%s: %.0f %% of %d datagrams lost", c.name, r.End.Sum.Lost, r.End.Sum.Packets)
		}
		if r.End.Received.Bytes < 1<<20 {
			t.Errorf("%s: only %d bytes arrived: %s", c.name, r.End.Received.Bytes, out)
		}
	}
}
