package gateway

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ubridge/dataplane"
	"ubridge/dhcpd"
	"ubridge/dhcpd/leasefile"
	"ubridge/internal/wire"
)

// server is a DHCPServer for 192.168.122.0/24 that tells of its replies.
func server(t *testing.T, log *slog.Logger) (s *DHCPServer, sent chan Endpoint) {
	t.Helper()
	file, _, err := leasefile.Open(filepath.Join(t.TempDir(), "leases"))
	if err != nil {
		t.Fatal(err)
	}
	subnet := netip.MustParsePrefix("192.168.122.0/24")
	engine, err := dhcpd.New(dhcpd.Config{
		Server: netip.MustParseAddr("192.168.122.1"), Subnet: subnet, LeaseTime: time.Hour,
		Ranges: []dhcpd.Range{{First: netip.MustParseAddr("192.168.122.2"), Last: netip.MustParseAddr("192.168.122.254")}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sent = make(chan Endpoint, 1<<16)
	s = NewDHCPServer(DHCPConfig{
		Engine: engine, File: file, Leased: func([]dhcpd.Lease) {}, Log: log,
		Send: func(to Endpoint, _ []byte) { sent <- to },
	})
	return s, sent
}

// discover is a DHCPDISCOVER of station n.
func discover(n byte) []byte {
	m := make([]byte, 240, 300)
	m[0], m[1], m[2] = 1, 1, 6
	copy(m[28:], []byte{0x52, 0x54, 0, 0, 0, n})
	copy(m[236:], []byte{99, 130, 83, 99})
	return append(m, 53, 1, 1, 255)
}

var quiet = slog.New(slog.DiscardHandler)

func TestAFloodOfRequestsIsAnsweredMeanwhile(t *testing.T) {
	s, sent := server(t, quiet)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	flood, stop := make(chan struct{}), make(chan struct{})
	go func() { // never lets the queue run empty
		defer close(flood)
		for {
			select {
			case <-stop:
				return
			default:
				s.Submit(1, wire.MAC{}, discover(1))
			}
		}
	}()
	select {
	case <-sent:
	case <-time.After(10 * time.Second):
		t.Error("no answer while requests keep coming")
	}
	close(stop)
	<-flood
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestOnePortCannotFillTheQueue(t *testing.T) {
	s, _ := server(t, quiet)
	n := 0
	for s.Submit(1, wire.MAC{}, discover(1)) {
		n++
	}
	if n != dhcpShare {
		t.Errorf("one port has %d places, want %d", n, dhcpShare)
	}
	if !s.Submit(2, wire.MAC{}, discover(2)) {
		t.Error("another port has none")
	}
	s.serve(time.Now(), <-s.queue)
	if !s.Submit(1, wire.MAC{}, discover(1)) {
		t.Error("places are not given back")
	}
	if len(s.waiting) != 1 {
		t.Errorf("%d ports are remembered, want 1", len(s.waiting))
	}
}

func TestAServerThatEndedHoldsNobodyUp(t *testing.T) {
	s, _ := server(t, quiet)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Leases(context.Background()); !errors.Is(err, ErrServiceEnded) {
		t.Errorf("error %v", err)
	}
}

func TestGuestsCannotFillTheLog(t *testing.T) {
	var text bytes.Buffer
	s, _ := server(t, slog.New(slog.NewTextHandler(&text, nil)))
	now := time.Now()
	for range 10000 {
		s.note(now, dhcpd.Result{Verdict: dhcpd.Nak, Reason: "x"})
	}
	if n := strings.Count(text.String(), "dhcp refused"); n != int(logRate.burst) {
		t.Errorf("%d lines, want %v", n, logRate.burst)
	}
	text.Reset()
	s.note(now.Add(2*time.Second), dhcpd.Result{Verdict: dhcpd.PoolExhausted})
	if !strings.Contains(text.String(), "no address left") || !strings.Contains(text.String(), "lines_left_out_before=9970") {
		t.Errorf("later: %q", text.String())
	}
}

func TestOnePortsErrorsLeaveRoomForOthers(t *testing.T) {
	var b buckets
	now := dataplane.Time(time.Second)
	for b.take(now, 4000, icmpRate) {
	}
	if !b.take(now, 3, icmpRate) {
		t.Error("another port's error is refused")
	}
	if !b.take(now.Add(20*time.Millisecond), 4000, icmpRate) {
		t.Error("the bucket does not fill again")
	}
}
