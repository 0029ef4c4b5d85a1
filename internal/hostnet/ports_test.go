package hostnet

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"ubridge/internal/hostnet/internal/nstest"
)

// TestPortRanges reads the host's range and takes the ports above.
func TestPortRanges(t *testing.T) {
	ns := nstest.New(t)
	for text, want := range map[string][2]PortRange{
		"32768 60999": {{32768, 60999}, {61000, 65535}},
		"1024 65535":  {{1024, 65535}, {65535, 65534}},
	} {
		ns.Must(func() error { return writeSysctl("ipv4/ip_local_port_range", text) })
		var local PortRange
		ns.Must(func() (err error) {
			local, err = LocalPortRange()
			return err
		})
		if pool := PoolAbove(local); local != want[0] || pool != want[1] {
			t.Errorf("%s: %v, pool %v", text, local, pool)
		}
	}
	if n := (PortRange{61000, 65535}).Len(); n != 4536 {
		t.Errorf("61000-65535 has %d ports", n)
	}
	if n := PoolAbove(PortRange{1, 65535}).Len(); n != 0 {
		t.Errorf("nothing above 65535 has %d ports", n)
	}
}

// TestBusyPorts sees sockets of both families, listening and connected.
func TestBusyPorts(t *testing.T) {
	ns := nstest.New(t)
	pool := PortRange{61000, 65535}
	ns.Must(func() error {
		for _, addr := range []string{"0.0.0.0:61001", "[::]:61002", "127.0.0.1:8080"} {
			l, err := net.Listen("tcp", addr)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = l.Close() })
		}
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 61003}}
		c, err := d.Dial("tcp", "127.0.0.1:8080")
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = c.Close() })
		u, err := net.ListenPacket("udp", "127.0.0.1:61004")
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = u.Close() })
		return nil
	})
	for proto, want := range map[Transport]string{TCP: "[61001 61002 61003]", UDP: "[61004]"} {
		var got []uint16
		ns.Must(func() error {
			busy, err := BusyPorts(proto, pool)
			for port := range busy {
				got = append(got, port)
			}
			return err
		})
		slices.Sort(got)
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", proto, got, want)
		}
	}
}

// TestHoldPorts keeps the host from its ports for both protocols, outside the
// pool, and gives them back.
func TestHoldPorts(t *testing.T) {
	ns := nstest.New(t)
	ns.Must(func() error { return writeSysctl("ipv4/ip_local_port_range", "40000 40199") })
	pool := PortRange{40180, 65535}
	ns.Must(func() error {
		ports, held, err := HoldPorts(50, pool)
		if err != nil {
			return err
		}
		if len(ports) != 50 || !slices.IsSorted(ports) || len(slices.Compact(slices.Clone(ports))) != len(ports) {
			t.Errorf("held %d ports: %v", len(ports), ports)
		}
		for _, p := range ports {
			if p < 40000 || pool.Contains(p) || bindable("tcp", p) || bindable("udp", p) {
				t.Errorf("port %d is not held, or not ours to hold", p)
			}
		}
		if err := held.Close(); err != nil {
			return err
		}
		if !bindable("tcp", ports[0]) || !bindable("udp", ports[0]) {
			t.Errorf("port %d was not given back", ports[0])
		}
		return nil
	})
}

// TestHoldPortsOfAFullRange ends with what there is.
func TestHoldPortsOfAFullRange(t *testing.T) {
	ns := nstest.New(t)
	ns.Must(func() error { return writeSysctl("ipv4/ip_local_port_range", "40000 40009") })
	ns.Must(func() error {
		ports, held, err := HoldPorts(50, PortRange{61000, 65535})
		if err != nil {
			return err
		}
		if len(ports) != 10 {
			t.Errorf("%d of 10 ports", len(ports))
		}
		return held.Close()
	})
}

func bindable(network string, port uint16) bool {
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port).String()
	if network == "udp" {
		c, err := net.ListenPacket("udp4", addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}
	l, err := net.Listen("tcp4", addr)
	if err == nil {
		_ = l.Close()
	}
	return err == nil
}
