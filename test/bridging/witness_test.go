package bridging

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// witness sees whether the host's connections over its NIC lose anything.
type witness struct {
	s     *scene
	pings []*testnet.Proc
	up    atomic.Int64 // the last number that the host received
	down  atomic.Int64 // the last number that the station received
	fault atomic.Pointer[error]
}

// witness begins to ping between the host and the LAN, IPv4 and IPv6, and a TCP
// stream on which both ends send numbers.
func (s *scene) witness() *witness {
	s.T.Helper()
	w := &witness{s: s}
	s.reach(s.station, lab.HostAddr)
	s.reach(s.station, hostAddr6)
	for _, p := range []struct {
		from *testnet.NS
		to   string
	}{{s.station, lab.HostAddr}, {s.Host, stationAddr}, {s.station, hostAddr6}, {s.Host, station6}} {
		w.pings = append(w.pings, p.from.Start("ping", "-n", "-i", "0.02", p.to))
	}
	w.stream()
	return w
}

// stream joins the station and the host.
func (w *witness) stream() {
	w.s.T.Helper()
	var l net.Listener
	var inner net.Conn
	err := w.s.Host.Do(func() (err error) {
		l, err = net.Listen("tcp4", lab.HostAddr+":7001")
		return err
	})
	if err == nil {
		err = w.s.station.Do(func() (err error) {
			inner, err = net.Dial("tcp4", l.Addr().String())
			return err
		})
	}
	var outer net.Conn
	if err == nil {
		outer, err = l.Accept()
	}
	if err != nil {
		w.s.T.Fatal(err)
	}
	w.s.T.Cleanup(func() { _ = l.Close(); _ = inner.Close(); _ = outer.Close() })
	go w.talk(inner)
	go w.talk(outer)
	go w.hear(outer, &w.up)
	go w.hear(inner, &w.down)
}

func (w *witness) talk(to io.Writer) {
	for i := int64(1); ; i++ {
		if err := binary.Write(to, binary.BigEndian, i); err != nil {
			w.fault.CompareAndSwap(nil, &err)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *witness) hear(from io.Reader, last *atomic.Int64) {
	for i := int64(1); ; i++ {
		var got int64
		err := binary.Read(from, binary.BigEndian, &got)
		if err == nil && got != i {
			err = fmt.Errorf("received %d, want %d", got, i)
		}
		if err != nil {
			w.fault.CompareAndSwap(nil, &err)
			return
		}
		last.Store(i)
	}
}

// goesOn waits until the stream has brought more both ways.
func (w *witness) goesOn(when string) {
	w.s.T.Helper()
	up, down := w.up.Load(), w.down.Load()
	w.s.Eventually(patience, "the host's stream "+when, func() error {
		if err := w.fault.Load(); err != nil {
			w.s.T.Fatalf("%s the host's stream broke: %v", when, *err)
		}
		if u, d := w.up.Load(), w.down.Load(); u < up+10 || d < down+10 {
			return fmt.Errorf("it brought %d and %d", u-up, d-down)
		}
		return nil
	})
}

var answered = regexp.MustCompile(`icmp_seq=(\d+)`)

// end requires that every ping but those still under way was answered, once.
func (w *witness) end() {
	w.s.T.Helper()
	w.goesOn("in the end")
	time.Sleep(100 * time.Millisecond)
	for _, p := range w.pings {
		p.Signal(syscall.SIGINT)
		_ = p.Wait(patience) // 1 where the last one is not answered yet
		seen := map[int]int{}
		last := 0
		for _, m := range answered.FindAllStringSubmatch(p.Output(), -1) {
			n, _ := strconv.Atoi(m[1])
			seen[n]++
			last = max(last, n)
		}
		if last < 20 {
			w.s.T.Errorf("%s: %d answers only", p, last)
		}
		for n := 1; n <= last; n++ {
			if seen[n] != 1 {
				w.s.T.Errorf("%s: %d answers to number %d of %d", p, seen[n], n, last)
			}
		}
	}
}
