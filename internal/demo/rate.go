package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
)

// rateTime is how long a throughput is measured.
const rateTime = 2 * time.Second

func (t *tour) rateInside() string {
	var l net.Listener
	err := t.second.Do(func() (err error) {
		l, err = net.Listen("tcp4", net.JoinHostPort(t.secondAddr, sinkPort))
		return err
	})
	if err != nil {
		t.Fatalf("sink in guest2: %v", err)
	}
	go func() { _ = serveSink(l) }()
	defer l.Close()
	return t.rate(t.secondAddr)
}

func (t *tour) rateOutside() string { return t.rate(serverFar) + ", through NAT" }

// rate sends from guest1 for a while, and tells the throughput and how large the
// frames were that ubridge received: with offloads a guest hands over segments
// of up to 64 KiB whole.
func (t *tour) rate(to string) string {
	before := t.port("veth1")
	sent, took, err := t.send(t.first, to)
	if err != nil {
		t.Fatalf("sending from guest1 to %s: %v", to, err)
	}
	after := t.port("veth1")
	frames := max(after.RxFrames-before.RxFrames, 1)
	size := float64(after.RxBytes-before.RxBytes) / float64(frames) / 1024
	offloads := "with offloads"
	if size < 2 {
		offloads = "without offloads"
	}
	return fmt.Sprintf("%.1f Gb/s, one TCP stream from guest1, %s (frames of %.0f KiB on average)",
		float64(sent)*8/took.Seconds()/1e9, offloads, size)
}

// send fills one TCP connection from a namespace, and believes what the other
// end has counted.
func (t *tour) send(n *testnet.NS, to string) (sent int, took time.Duration, err error) {
	c, err := dial(t.ctx, n, "tcp4", net.JoinHostPort(to, sinkPort), 5*time.Second)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	began := time.Now()
	if err := c.SetDeadline(began.Add(rateTime + 10*time.Second)); err != nil {
		return 0, 0, err
	}
	buf := make([]byte, 256<<10)
	for time.Since(began) < rateTime && t.ctx.Err() == nil {
		size, err := c.Write(buf)
		sent += size
		if err != nil {
			return 0, 0, err
		}
	}
	err = counted(c, sent)
	return sent, time.Since(began), err
}

// counted ends the stream and checks that all of it has arrived.
func counted(c net.Conn, sent int) error {
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if got, err := strconv.Atoi(strings.TrimSpace(string(answer))); err != nil || got != sent {
		return fmt.Errorf("sent %d bytes, the other end counted %q", sent, answer)
	}
	return nil
}

// port is one line of "ubridge port list".
func (t *tour) port(name string) api.Port {
	var ports []api.Port
	out := t.ubridge("port", "list", "default", "--json")
	if err := json.Unmarshal([]byte(out), &ports); err != nil {
		t.Fatalf("port list: %v\n%s", err, out)
	}
	for _, p := range ports {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("port list does not show %s:\n%s", name, out)
	return api.Port{}
}
