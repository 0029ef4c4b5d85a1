package netupdate

import (
	"net/netip"
	"strings"
	"testing"

	"ubridge/internal/config"
)

func lab() config.Network {
	n := config.Default("lab")
	n.Address = netip.MustParsePrefix("10.0.0.1/24")
	return n
}

// do makes one update and gives what the section's key says then, or the error.
func do(t *testing.T, n *config.Network, c Command, section, element string) string {
	t.Helper()
	var e Element
	var err error
	if strings.HasPrefix(element, "<") {
		e, err = ParseXML(section, element)
	} else {
		e, err = ParseWords(section, strings.Fields(element))
	}
	if err != nil {
		return "error: " + err.Error()
	}
	next, err := Update{c, section, e}.Apply(*n)
	if err != nil {
		return "error: " + err.Error()
	}
	*n = next
	key := map[string]string{"ip-dhcp-host": "dhcp.hosts", "ip-dhcp-range": "dhcp.ranges", "forward-interface": "uplink", "dns-host": "dns.hosts", "dns-txt": "dns.txt", "dns-srv": "dns.srv", "portgroup": "libvirt.kept"}[section]
	for _, k := range n.Keys() {
		if k.Name == key {
			return strings.Join(k.Values, "; ")
		}
	}
	return "no key"
}

type step struct {
	c       Command
	element string
	want    string // of an error: a part
}

func TestSections(t *testing.T) {
	for section, steps := range map[string][]step{
		"ip-dhcp-host": {
			{Add, `<host mac='52:54:00:00:00:05' name='Web' ip='10.0.0.5'/>`, "mac=52:54:00:00:00:05 ip=10.0.0.5 name=web"},
			{AddFirst, "mac=52:54:00:00:00:06 ip=10.0.0.6", "mac=52:54:00:00:00:06 ip=10.0.0.6; mac=52:54:00:00:00:05 ip=10.0.0.5 name=web"},
			{AddLast, `<host mac="52:54:00:00:00:07" ip="10.0.0.5"/>`, "error: there is a DHCP host with that MAC, name or address already: mac=52:54:00:00:00:05 name=web ip=10.0.0.5"},
			{Modify, `<host mac='52:54:00:00:00:05' name='web' ip='10.0.0.50'/>`, "mac=52:54:00:00:00:06 ip=10.0.0.6; mac=52:54:00:00:00:05 ip=10.0.0.50 name=web"},
			{Modify, `<host mac='52:54:00:00:00:05' ip='10.0.0.6'/>`, "error: several of DHCP host match"},
			{Modify, `mac=52:54:00:00:00:09`, "error: there is no DHCP host that matches"},
			{Modify, `<host mac='52:54:00:00:00:05' ip='10.1.0.6'/>`, "error: network lab: dhcp.hosts[1].ip: 10.1.0.6 is no host address"},
			{Delete, `<host ip='10.0.0.6' name='web'/>`, "error: there is no DHCP host"},
			{Delete, `<host ip='10.0.0.6'/>`, "mac=52:54:00:00:00:05 ip=10.0.0.50 name=web"},
			{Add, "client_id=01:02:03 name=x", "mac=52:54:00:00:00:05 ip=10.0.0.50 name=web; client_id=010203 name=x"},
			{Delete, "client_id=010203", "mac=52:54:00:00:00:05 ip=10.0.0.50 name=web"},
			{Delete, "mac=52:54:00:00:00:05", ""},
			{Add, `<host mac='52:54:00:00:00:05' ip='10.0.0.5'><lease expiry='2' unit='hours'/></host>`, "mac=52:54:00:00:00:05 ip=10.0.0.5 lease_time=2h0m0s"},
			{Modify, `<host mac='52:54:00:00:00:05' ip='10.0.0.5'><lease expiry='0'/></host>`, "mac=52:54:00:00:00:05 ip=10.0.0.5 lease_time=infinite"},
			{Modify, `<host mac='52:54:00:00:00:05'><lease expiry='2' unit='days'/></host>`, "error: XML of section ip-dhcp-host: there is no unit \"days\""},
			{Modify, `mac=52:54:00:00:00:05 lease_time=soon`, "error: lease_time: \"soon\" is no duration"},
			{Delete, "ip=10.0.0.5", ""},
			{Delete, "mac=x", "error: \"x\" is no MAC"},
			{Delete, "client_id=x", "error: \"x\" is no client identifier"},
			{Delete, "ip=x", "error: \"x\" is no IP"},
			{Delete, "", "error: a DHCP host needs mac"},
			{"remove", "ip=10.0.0.2", "error: there is no command \"remove\""},
		},
		"ip-dhcp-range": {
			{Add, `<range start='10.0.0.10' end='10.0.0.20'/>`, "error: network lab: dhcp.ranges[1]: overlaps dhcp.ranges[0]"},
			{Delete, "start=10.0.0.2 end=10.0.0.254", ""},
			{Add, `<range start='10.0.0.10' end='10.0.0.20'/>`, "10.0.0.10-10.0.0.20"},
			{Delete, "start=10.0.0.10 end=10.0.0.20", ""},
			{Add, "start=10.0.0.2 end=10.0.0.254", "10.0.0.2-10.0.0.254"},
			{Add, "start=10.0.0.9 end=10.0.0.2", "error: start=\"10.0.0.9\" end=\"10.0.0.2\" is no range"},
			{Modify, "start=10.0.0.9 end=10.0.0.12", "error: elements of section ip-dhcp-range cannot be modified"},
			{Delete, "start=10.0.0.9 end=10.0.0.12", "error: there is no DHCP range 10.0.0.9-10.0.0.12; there is 10.0.0.2-10.0.0.254"},
			{Add, "start=10.0.0.2 end=10.0.0.254", "error: the DHCP range 10.0.0.2-10.0.0.254 is there already"},
		},
		"forward-interface": {
			{Add, `<interface dev='eth0'/>`, "eth0"},
			{Add, `<interface dev='eth0'/>`, "error: eth0 is the interface of network lab already"},
			{Add, `dev=eth1`, "error: network lab has the interface eth0"},
			{Delete, `dev=eth1`, "error: eth1 is not the interface"},
			{Delete, `dev=eth0`, ""},
			{Delete, ``, "error: an interface needs dev"},
		},
		"dns-txt": {
			{Add, `<txt name='Note.' value='two words'/>`, "name=note value=two words"},
			{AddFirst, "name=b value=c", "name=b value=c; name=note value=two words"},
			{Add, "name=b value=d", "error: there is a TXT record of b already"},
			{Delete, "name=note", "name=b value=c"},
			{Delete, "name=note", "error: there is no TXT record of note"},
			{Modify, "name=b value=d", "error: elements of section dns-txt cannot be modified"},
			{Delete, "value=c", "error: a TXT record needs name"},
		},
		"dns-srv": {
			{Add, `<srv service='ldap' protocol='tcp' domain='a.example' target='x.a.example' port='389' priority='1'/>`, "service=ldap protocol=tcp domain=a.example target=x.a.example port=389 priority=1"},
			{Add, "service=ldap protocol=tcp domain=a.example target=x.a.example port=390", "error: there is an SRV record of _ldap._tcp"},
			{Add, "service=ldap protocol=tcp domain=a.example target=y.a.example port=389", "service=ldap protocol=tcp domain=a.example target=x.a.example port=389 priority=1; service=ldap protocol=tcp domain=a.example target=y.a.example port=389"},
			{Delete, "service=ldap", "error: several of SRV record match"},
			{Delete, "target=x.a.example", "service=ldap protocol=tcp domain=a.example target=y.a.example port=389"},
			{Delete, "port=1", "error: there is no SRV record"},
			{Delete, "", "error: there is no SRV record"},
			{Delete, "port=x", "error: port: \"x\" is no number"},
			{Delete, "port=389", ""},
		},
		"portgroup": {
			{Add, `<portgroup name='a' default='yes'><bandwidth><inbound average='10'/></bandwidth></portgroup>`, "<portgroup name='a' default='yes'><bandwidth><inbound average='10'/></bandwidth></portgroup>"},
			{Add, "name=b default=yes", "error: lab.xml"},
			{Add, "name=b", "<portgroup name='a' default='yes'><bandwidth><inbound average='10'/></bandwidth></portgroup>; <portgroup name='b'/>"},
			{Add, "name=a", "error: there is a portgroup a already"},
			{Modify, "<portgroup name='a'/>", "<portgroup name='a'/>; <portgroup name='b'/>"},
			{Modify, "name=c", "error: there is no portgroup c"},
			{Delete, "name=a", "<portgroup name='b'/>"},
			{Delete, "name=b", ""},
			{Delete, "default=yes", "error: a portgroup needs name"},
			{Add, "<portgroup name='x'></portgroup><domain name='d'/>", "error: XML of section portgroup: <domain> after the end"},
			{Add, "<portgroup name='x'><colour/></portgroup>", "error: portgroup:1: portgroup/colour: unknown element"},
		},
		"dns-host": {
			{Add, `<host ip='10.0.0.7'><hostname>A.example.</hostname><hostname>b</hostname></host>`, "ip=10.0.0.7 names=a.example,b"},
			{Add, "ip=10.0.0.8 hostname=b,c", "ip=10.0.0.7 names=a.example,b; ip=10.0.0.8 names=b,c"},
			{Add, "ip=10.0.0.8 hostname=d", "error: 10.0.0.8 has names already: b, c"},
			{Add, "ip=10.0.0.9", "error: network lab: dns.hosts[2]: an entry without a name"},
			{Delete, "hostname=b", "error: several of DNS host match"},
			{Delete, "hostname=c", "ip=10.0.0.7 names=a.example,b"},
			{Delete, "ip=10.0.0.1", "error: there is no DNS host"},
			{Modify, "ip=10.0.0.1", "error: elements of section dns-host cannot be modified"},
			{Delete, "ip=x", "error: \"x\" is no IP"},
			{Delete, "ip=10.0.0.7", ""},
		},
	} {
		n := lab()
		for _, s := range steps {
			got := do(t, &n, s.c, section, s.element)
			if got != s.want && (!strings.HasPrefix(s.want, "error") || !strings.HasPrefix(got, s.want)) {
				t.Errorf("%s %s %s: %s\nwant %s", s.c, section, s.element, got, s.want)
			}
		}
	}
}

// The definition that an update starts from is not touched by it.
func TestApplyLeavesTheOldOne(t *testing.T) {
	n := lab()
	do(t, &n, Add, "dns-host", "ip=10.0.0.8 hostname=b")
	old := n
	do(t, &n, AddFirst, "dns-host", "ip=10.0.0.9 hostname=c")
	do(t, &n, Delete, "dns-host", "hostname=b")
	if len(old.DNS.Hosts) != 1 || old.DNS.Hosts[0].Names[0] != "b" {
		t.Errorf("%+v", old.DNS.Hosts)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ section, element, want string }{
		{"ip-dhcp-host", "<range start='a' end='b'/>", "takes <host>, not <range>"},
		{"ip-dhcp-host", "<host mac='a' colour='b'/>", `has no "colour" here; it has mac, ip, name, client_id, lease_time`},
		{"ip-dhcp-host", "<host mac='a'><least/></host>", "<least> has no place in <host>"},
		{"ip-dhcp-host", "<host mac='a'>text</host>", `text "text" in <host>`},
		{"ip-dhcp-host", "<host mac='a'/><host mac='b'/>", "<host> after the end of <host>"},
		{"ip-dhcp-host", "<host mac='a'", "XML"},
		{"ip-dhcp-host", "<!DOCTYPE host [<!ENTITY x 'y'>]><host/>", "a DTD has no place"},
		{"ip-dhcp-host", "<host mac='&x;'/>", "XML"},
		{"ip-dhcp-host", "<!-- only -->", "no element"},
		{"ip-dhcp-host", "mac", `"mac" is neither XML nor KEY=VALUE`},
		{"ip-dhcp-host", "mac=a mac=b", "mac is given twice"},
		{"dns-host", "<host ip='a'><name>b</name></host>", "<name> has no place"},
		{"bridge", "<bridge/>", "section bridge cannot be updated, as with libvirt: set bridge"},
		{"forward-pf", "dev=a", `no section "forward-pf"`},
		{"colour", "a=b", "the sections are ip-dhcp-host"},
		{"dns-host", "<host>" + strings.Repeat(" ", maxElement) + "</host>", "longer than"},
	} {
		n := lab()
		if got := do(t, &n, Add, tt.section, tt.element); !strings.Contains(got, tt.want) {
			t.Errorf("%s %.60s: %s\nwant %s", tt.section, tt.element, got, tt.want)
		}
	}
}

func FuzzParseXML(f *testing.F) {
	f.Add("ip-dhcp-host", "<host mac='52:54:00:00:00:05' name='web' ip='10.0.0.5'/>")
	f.Add("dns-host", "<host ip='10.0.0.7'><hostname>a</hostname></host>")
	f.Add("ip-dhcp-range", "<?xml version='1.0' encoding='latin1'?><range start='10.0.0.5' end='10.0.0.6'/>")
	f.Add("portgroup", "<portgroup name='a'><vlan><tag id='1'/></vlan></portgroup>")
	f.Add("dns-srv", "<srv service='a' protocol='tcp' port='1' target='b'/>")
	f.Add("forward-interface", "<!-- x --><interface dev='eth0'></interface>")
	f.Fuzz(func(t *testing.T, section, text string) {
		e, err := ParseXML(section, text)
		if err != nil {
			return
		}
		for _, c := range Commands() {
			next, err := Update{Command(c), section, e}.Apply(lab())
			if err == nil && next.Check() != nil {
				t.Errorf("%s gives a definition that is not valid", c)
			}
		}
	})
}
