package services

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"ubridge/test/lab"
)

// TestOnePortLeasesTheWholePool also reads the lease file whenever an ACK has
// arrived: the lease must be in it by then.
func TestOnePortLeasesTheWholePool(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "svcpool")
	d := n.Start(lab.Options{})
	x := exercise(t, n, d)

	holder := map[netip.Addr]int{}
	for i := range 253 {
		ack := x.lease(station(i))
		ip := addr(ack.YourIPAddr)
		if first, taken := holder[ip]; taken {
			t.Fatalf("%v was given to stations %d and %d", ip, first, i)
		}
		holder[ip] = i
		if !onDisk(t, d, station(i).String(), ip.String()) {
			t.Fatalf("%v was acknowledged and is not on disk", ip)
		}
	}
	first, last := netip.MustParseAddr("192.168.122.2"), netip.MustParseAddr("192.168.122.254")
	for ip := first; ip.Compare(last) <= 0; ip = ip.Next() {
		if _, leased := holder[ip]; !leased {
			t.Errorf("%v is not leased", ip)
		}
	}

	late := station(1000)
	if err := x.unanswered(x.message(late, dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover))); err != nil {
		t.Errorf("with no address left: %v", err)
	}
	d.WaitFor("no address left", answerTime)
	if leases := d.Leases("default"); len(leases) != 253 {
		t.Errorf("net leases shows %d", len(leases))
	}

	given := netip.MustParseAddr("192.168.122.100")
	x.send(x.message(station(holder[given]), dhcpv4.WithMessageType(dhcpv4.MessageTypeRelease),
		dhcpv4.WithClientIP(given.AsSlice()), dhcpv4.WithOption(dhcpv4.OptServerIdentifier([]byte{192, 168, 122, 1}))))
	if got := addr(x.lease(late).YourIPAddr); got != given {
		t.Errorf("after the release of %v the next client gets %v", given, got)
	}
}

// onDisk looks for a lease in the lease file.
func onDisk(t *testing.T, d *lab.Daemon, mac, ip string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.State, "leases", "default.leases"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 5 && f[1] == mac && f[2] == ip {
			return true
		}
	}
	return false
}

// TestRestartKeepsAddresses asks after a clean stop and after SIGKILL, with and
// without what a client remembers.
func TestRestartKeepsAddresses(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "svcrestart")
	d := n.Start(lab.Options{})
	x := exercise(t, n, d)
	var had []message
	for i := range 5 {
		had = append(had, x.lease(station(i)))
	}
	for _, end := range []struct {
		name string
		stop func()
	}{
		{"a clean stop", func() { d.Stop() }},
		{"SIGKILL", func() { d.Crash() }},
	} {
		end.stop()
		d = d.Again()
		d.AwaitPort("vnet0", "up")
		for i, old := range had {
			if ack := x.reboot(station(i), old.YourIPAddr); ack.MessageType() != dhcpv4.MessageTypeAck {
				t.Errorf("after %s: REQUEST for the own %v is answered by %v", end.name, old.YourIPAddr, ack)
			}
			if now := x.lease(station(i)); !now.YourIPAddr.Equal(old.YourIPAddr) {
				t.Errorf("after %s: station %d has %v, had %v", end.name, i, now.YourIPAddr, old.YourIPAddr)
			}
			if other := x.reboot(station(100+i), old.YourIPAddr); other.MessageType() != dhcpv4.MessageTypeNak {
				t.Errorf("after %s: a REQUEST for another's %v is answered by %v", end.name, old.YourIPAddr, other)
			}
		}
		if got := len(d.Leases("default")); got != len(had) {
			t.Errorf("after %s: %d leases, want %d", end.name, got, len(had))
		}
	}
}

// TestClonesAreTold has two guests with one client identifier, as clones of one
// image have.
func TestClonesAreTold(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "svcclones")
	d := n.Start(lab.Options{})
	x := exercise(t, n, d)
	duid := dhcpv4.WithOption(dhcpv4.OptClientIdentifier([]byte("\xff\x00\x00\x00\x01\x00\x02\x00\x00\xab\x11machine")))
	one, two := x.lease(station(1), duid), x.lease(station(2), duid)
	if one.YourIPAddr.Equal(two.YourIPAddr) {
		t.Errorf("both have %v", one.YourIPAddr)
	}
	d.WaitFor("share one DHCP client identifier.*client="+station(2).String(), answerTime)
}

// TestDeclinedAddressRests has a client find its address in use.
func TestDeclinedAddressRests(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "svcdecline")
	d := n.Start(lab.Options{})
	x := exercise(t, n, d)
	had := x.lease(station(1))
	x.send(x.message(station(1), dhcpv4.WithMessageType(dhcpv4.MessageTypeDecline),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(had.ServerIdentifier())),
		dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(had.YourIPAddr))))
	d.WaitFor("in use by another station", answerTime)
	if now := x.lease(station(1)); now.YourIPAddr.Equal(had.YourIPAddr) {
		t.Errorf("%v is given again at once", had.YourIPAddr)
	}
}
