package services

import (
	"testing"

	"ubridge/test/lab"
)

var (
	overUDP = "+notcp"
	overTCP = "+tcp"
)

func TestNamesOfGuests(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "svcnames")
	d := n.Start(lab.Options{Config: map[string]string{
		"networks.d/default.toml": "address = \"192.168.122.1/24\"\ndomain = \"guests.example\"\n",
	}})
	one, two := d.Join("one"), d.Join("two")
	for _, over := range []string{overUDP, overTCP} {
		expect(t, one, "NOERROR", []string{two.Addr}, over, "two")
		expect(t, one, "NOERROR", []string{two.Addr}, over, "TWO.Guests.Example")
		expect(t, two, "NOERROR", []string{"one.guests.example."}, over, "-x", one.Addr)
		expect(t, one, "NOERROR", nil, over, "two", "AAAA")
		expect(t, one, "NOERROR", nil, over, "two.guests.example", "MX")
		expect(t, one, "NXDOMAIN", nil, over, "-x", "192.168.122.99")
		expect(t, one, "NOERROR", []string{lab.Gateway}, over, "_gateway")
	}
	if asked := asked(n.Names, "99.122.168.192.in-addr.arpa") + asked(n.Names, "two"); asked != 0 {
		t.Errorf("%d queries about the network's own went outside:\n%s", asked, n.Names.Output())
	}

	p := udhcpc.start(n, two, t.TempDir())
	p.WaitFor("lease of "+two.Addr+" obtained", answerTime)
	known(n, two, lab.Gateway)
	udhcpc.release(two, p, "")
	await(n, one, "NXDOMAIN", nil, "two")
}

// TestNoDomainByDefault holds bare names where no domain is configured.
func TestNoDomainByDefault(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "svcbare")
	d := n.Start(lab.Options{})
	one, two := d.Join("one"), d.Join("two")
	expect(t, one, "NOERROR", []string{two.Addr}, "two")
	expect(t, one, "NOERROR", []string{"two."}, "-x", two.Addr)
	d.Crash()
	d.Again()
	await(n, one, "NOERROR", []string{two.Addr}, "two") // leases are names, over a restart too
}
