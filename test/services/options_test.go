package services

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"ubridge/test/lab"
)

const reservations = `
address = "192.168.122.1/24"
mtu = 1400
domain = "guests.example"
[dhcp]
lease_time = "30m"
[[dhcp.hosts]]
mac = "52:54:00:ee:00:01"
ip = "192.168.122.50"
name = "web"
[[dhcp.hosts]]
client_id = "ff:01:02:03"
ip = "192.168.122.60"
name = "db"
`

// every asks for each option that the network may give.
var every = dhcpv4.WithRequestedOptions(
	dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer, dhcpv4.OptionHostName,
	dhcpv4.OptionDomainName, dhcpv4.OptionInterfaceMTU, dhcpv4.OptionBroadcastAddress,
	dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue)

// given are the options of a message but 53 and 61, by their numbers.
func given(m message) map[uint8]string {
	all := map[uint8]string{}
	for code, value := range m.Options {
		if code != 53 && code != 61 {
			all[code] = string(value)
		}
	}
	return all
}

// plain is what a network with no settings gives.
func plain(lease, t1, t2 string) map[uint8]string {
	return map[uint8]string{
		1:  "\xff\xff\xff\x00",
		3:  "\xc0\xa8\x7a\x01",
		6:  "\xc0\xa8\x7a\x01",
		28: "\xc0\xa8\x7a\xff",
		51: lease,
		54: "\xc0\xa8\x7a\x01",
		58: t1,
		59: t2,
	}
}

func TestOptionsByDefault(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "svcoptions")
	x := exercise(t, n, n.Start(lab.Options{}))
	want := plain("\x00\x00\x0e\x10", "\x00\x00\x07\x08", "\x00\x00\x0c\x4e")
	if diff := cmp.Diff(want, given(x.discover(station(1), every))); diff != "" {
		t.Errorf("OFFER, want - got +:\n%s", diff)
	}
	if diff := cmp.Diff(want, given(x.lease(station(1), every, dhcpv4.WithOption(dhcpv4.OptHostName("mine"))))); diff != "" {
		t.Errorf("ACK, want - got +:\n%s", diff)
	}
}

func TestReservations(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "svcreserved")
	d := n.Start(lab.Options{Config: map[string]string{"networks.d/default.toml": reservations}})
	x := exercise(t, n, d)

	want := plain("\x00\x00\x07\x08", "\x00\x00\x03\x84", "\x00\x00\x06\x27")
	want[12], want[15], want[26] = "web", "guests.example", "\x05\x78"
	web := x.lease(station(1), every)
	if diff := cmp.Diff(want, given(web)); diff != "" {
		t.Errorf("by MAC, want - got +:\n%s", diff)
	}
	if !web.YourIPAddr.Equal(net.IPv4(192, 168, 122, 50)) {
		t.Errorf("by MAC: %v", web.YourIPAddr)
	}
	db := x.lease(station(2), every, dhcpv4.WithOption(dhcpv4.OptClientIdentifier([]byte{0xff, 1, 2, 3})))
	if !db.YourIPAddr.Equal(net.IPv4(192, 168, 122, 60)) || db.HostName() != "db" {
		t.Errorf("by client identifier: %v, name %q", db.YourIPAddr, db.HostName())
	}
	stranger := x.lease(station(3), every, dhcpv4.WithOption(dhcpv4.OptHostName("web")))
	if stranger.YourIPAddr.Equal(web.YourIPAddr) || stranger.Options.Has(dhcpv4.OptionHostName) {
		t.Errorf("a stranger that calls itself web: %v, %q", stranger.YourIPAddr, stranger.HostName())
	}
	if nak := x.reboot(station(3), net.IPv4(192, 168, 122, 50)); nak.MessageType() != dhcpv4.MessageTypeNak {
		t.Errorf("a stranger that asks for a reserved address: %v", nak)
	}
	names := map[string]string{}
	for _, l := range d.Leases("default") {
		names[l.IP] = l.Hostname
	}
	if diff := cmp.Diff(map[string]string{"192.168.122.50": "web", "192.168.122.60": "db", addr(stranger.YourIPAddr).String(): ""}, names); diff != "" {
		t.Errorf("names, want - got +:\n%s", diff)
	}
}

// TestInform has a guest with a fixed address ask for the options only.
func TestInform(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "svcinform")
	d := n.Start(lab.Options{})
	x := exercise(t, n, d)
	ack := x.ask(x.message(station(1), every, dhcpv4.WithMessageType(dhcpv4.MessageTypeInform), dhcpv4.WithClientIP(net.IPv4(192, 168, 122, 9))))
	if ack.MessageType() != dhcpv4.MessageTypeAck || !ack.YourIPAddr.IsUnspecified() || ack.Options.Has(dhcpv4.OptionIPAddressLeaseTime) {
		t.Errorf("INFORM is answered by %v, lease time %q", ack, ack.Options.Get(dhcpv4.OptionIPAddressLeaseTime))
	}
	if got := ack.Router(); len(got) != 1 || got[0].String() != lab.Gateway {
		t.Errorf("router %v", got)
	}
	if leases := d.Leases("default"); len(leases) != 0 {
		t.Errorf("INFORM made a lease: %v", leases)
	}
}
