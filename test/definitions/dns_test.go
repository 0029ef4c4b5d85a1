package definitions

import (
	"strings"
	"testing"

	"ubridge/test/lab"
)

const named = `<network>
  <name>named</name>
  <forward mode='nat'/>
  <bridge name='virbr6'/>
  <domain name='lab.test' localOnly='yes'/>
  <dns forwardPlainNames='no'>
    <forwarder addr='OUTSIDE'/>
    <forwarder domain='corp.test' addr='INSIDE'/>
    <txt name='motto.lab.test' value='here, there'/>
    <srv service='ldap' protocol='tcp' target='dc.lab.test' port='389' priority='1' weight='2'/>
    <host ip='10.66.0.9'>
      <hostname>dc.lab.test</hostname>
    </host>
  </dns>
  <ip address='10.66.0.1' netmask='255.255.255.0'>
    <dhcp>
      <host name='byname' ip='10.66.0.77'>
        <lease expiry='5' unit='minutes'/>
      </host>
      <bootp file='pxelinux.0' server='10.66.0.9'/>
    </dhcp>
  </ip>
</network>
`

// TestNameServiceOfLibvirt has a guest ask for all that <dns> can say, and get an
// address that is reserved for the name it sends: nothing else is leased.
func TestNameServiceOfLibvirt(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "defnames")
	const outside, inside = "10.9.0.3", "10.9.0.4"
	for _, addr := range []string{outside, inside} {
		n.Server.Run("ip", "address", "add", addr+"/24", "dev", "eth0")
	}
	// Outside knows all that must not be asked of it.
	n.Resolve(n.Server, outside, "--address=/www.corp.test/192.0.2.1", "--address=/www.other.test/192.0.2.2",
		"--address=/lab.test/192.0.2.8", "--address=/nobody/192.0.2.9", "--txt-record=motto.lab.test,wrong")
	n.Resolve(n.Server, inside, "--address=/www.corp.test/192.0.2.3")
	d := n.Start(lab.Options{})
	doc := strings.NewReplacer("OUTSIDE", outside, "INSIDE", inside).Replace(named)
	if said := d.Try("net", "define", put(n, "named.xml", doc)); said.Code != 0 || said.Stderr != "" {
		t.Fatalf("exit code %d, %s", said.Code, said.Stderr)
	}
	if got := without(d.Run("net", "dumpxml", "named"), "uuid"); got != doc {
		t.Errorf("defined as\n%s", got)
	}
	d.Run("net", "start", "named")
	g := n.Guest("byname")
	d.Run("port", "add", "named", g.Port)
	if got := g.Lease(); g.Addr != "10.66.0.77" || got["lease"] != "300" || got["siaddr"] != "10.66.0.9" || got["boot_file"] != "pxelinux.0" {
		t.Errorf("leased %s, %q", g.Addr, got)
	}
	for question, want := range map[string]string{
		"www.corp.test A":             "192.0.2.3",
		"www.other.test A":            "192.0.2.2",
		"motto.lab.test TXT":          `"here, there"`,
		"_ldap._tcp.lab.test SRV":     "1 2 389 dc.lab.test.",
		"dc.lab.test A":               "10.66.0.9",
		"byname.lab.test A":           "10.66.0.77",
		"nobody.lab.test A":           "",
		"nobody A":                    "",
		"77.0.66.10.in-addr.arpa PTR": "byname.lab.test.",
	} {
		args := append([]string{"dig", "+short", "+time=3", "+tries=2", "@10.66.0.1"}, strings.Fields(question)...)
		if got := strings.TrimSpace(g.NS.Run(args...)); got != want {
			t.Errorf("%s: %q, want %q", question, got, want)
		}
	}
	other := n.Guest("other")
	d.Run("port", "add", "named", other.Port)
	if got, err := other.TryLease("-t", "3"); err == nil {
		t.Errorf("a guest without a reservation got %q", got)
	}
}
