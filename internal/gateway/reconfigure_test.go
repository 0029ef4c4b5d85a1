package gateway

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ubridge/dhcpd"
	"ubridge/dhcpd/leasefile"
)

func lease(addr string) dhcpd.Lease {
	return dhcpd.Lease{IP: netip.MustParseAddr(addr), MAC: [6]byte{0x52, 0x54, 0, 0, 0, 1}, Expires: time.Now().Add(time.Hour).Truncate(time.Second).UTC()}
}

func pool(first, last string) dhcpd.Config {
	return dhcpd.Config{
		Server: netip.MustParseAddr("192.168.122.1"), Subnet: netip.MustParsePrefix("192.168.122.0/24"), LeaseTime: time.Hour,
		Ranges: []dhcpd.Range{{First: netip.MustParseAddr(first), Last: netip.MustParseAddr(last)}},
	}
}

// leasing runs a server that has one lease; told gets what it says of leases.
func leasing(t *testing.T) (s *DHCPServer, dir string, told chan []dhcpd.Lease) {
	t.Helper()
	dir = t.TempDir()
	file, _, err := leasefile.Open(filepath.Join(dir, "leases"))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := dhcpd.New(pool("192.168.122.2", "192.168.122.99"), []dhcpd.Lease{lease("192.168.122.50")})
	if err != nil {
		t.Fatal(err)
	}
	told = make(chan []dhcpd.Lease, 16)
	s = NewDHCPServer(DHCPConfig{Engine: engine, File: file, Leased: func(l []dhcpd.Lease) { told <- l }, Log: quiet})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	<-told
	return s, dir, told
}

func TestReconfigureKeepsLeases(t *testing.T) {
	s, _, told := leasing(t)
	if err := s.Reconfigure(t.Context(), pool("192.168.122.40", "192.168.122.60")); err != nil {
		t.Fatal(err)
	}
	if l := <-told; len(l) != 1 {
		t.Errorf("leases told: %v", l)
	}
	if err := s.Check(t.Context(), pool("192.168.122.2", "192.168.122.9")); !errors.Is(err, ErrLeaseCut) {
		t.Errorf("check of a range without the lease: %v", err)
	}
	if err := s.Reconfigure(t.Context(), pool("192.168.122.2", "192.168.122.9")); !errors.Is(err, ErrLeaseCut) {
		t.Errorf("a range without the lease: %v", err)
	}
	if err := s.Reconfigure(t.Context(), pool("10.0.0.2", "10.0.0.9")); err == nil {
		t.Error("a range outside the subnet is taken")
	}
	if l, err := s.Leases(t.Context()); len(l) != 1 || err != nil {
		t.Errorf("leases %v, %v", l, err)
	}
}

// A lease file that cannot be written stops the change.
func TestReconfigureNeedsTheLeaseFile(t *testing.T) {
	s, dir, _ := leasing(t)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Reconfigure(t.Context(), pool("192.168.122.40", "192.168.122.60")); err == nil {
		t.Fatal("no error without a lease file")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context(), pool("192.168.122.2", "192.168.122.9")); !errors.Is(err, ErrLeaseCut) {
		t.Errorf("the lease is gone: %v", err)
	}
	if s.engine.PoolSize() != 98 {
		t.Errorf("pool of %d addresses: the change is in force", s.engine.PoolSize())
	}
}
