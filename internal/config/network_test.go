package config

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// equal compares networks but for their origin, and addresses by value.
var equal = cmp.Options{
	cmpopts.IgnoreFields(Network{}, "Origin"),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

const everyKey = `
mode = "nat"
bridge = "ubr7"
uplink = "eth0"
isolated_ports = true
mac = "52:54:00:5A:1d:01"
address = "10.9.0.1/24"
mtu = 9000
domain = "Guests.Example."
uuid = "3E3FCE454F534FA7BB3211F34168B82B"
autostart = true
ageing = "10s"
stations = 100000
learn_limit = 7
adopt = ["vnet*", "veth:lxc?"]
adopt_macs = ["52:54:00:5a:1d:09"]
ports = ["vnet0", "veth.1"]
group_forward = ["8021x", "stp"]
[dhcp]
enabled = false
ranges = ["10.9.0.10-10.9.0.19", "10.9.0.30 - 10.9.0.30"]
lease_time = "infinite"
boot_file = "pxelinux.0"
boot_server = "10.9.0.7"
hosts = [{ mac = "52:54:00:00:00:01", ip = "10.9.0.50", name = "Web" }, { client_id = "0152:54", name = "db", lease_time = "2h" }, { name = "nas", ip = "10.9.0.51" }]
[dns]
enabled = false
upstreams = ["192.0.2.53", "192.0.2.54:5353", "2001:db8::53", "[2001:db8::54]:99"]
local_only = true
local_plain_names = true
domains = [{ name = "Corp.Example.", upstreams = ["192.0.2.55"] }, { name = "public.corp.example" }]
txt = [{ name = "Motto.example", value = "it's here" }]
srv = [{ service = "ldap", protocol = "tcp", target = "DC.example." }, { service = "xmpp", protocol = "tcp", domain = "other.example" }, { service = "x", protocol = "y", target = ".", weight = 9 }]
[[dns.hosts]]
ip = "192.0.2.9"
names = ["A.example", "b"]
[nat]
egress = ["docker0"]
ports = "50000-50999"
[libvirt]
kept = ['<bridge stp="on"/>', "<title>Lab</title>"]
`

func TestParseNetworkEveryKey(t *testing.T) {
	got, err := ParseNetwork("lab", []byte(everyKey))
	if err != nil {
		t.Fatal(err)
	}
	ip := netip.MustParseAddr
	want := Network{
		Name: "lab", Mode: ModeNAT, Bridge: "ubr7", Uplink: "eth0", IsolatedPorts: true, MAC: net.HardwareAddr{0x52, 0x54, 0, 0x5a, 0x1d, 1},
		Address: netip.MustParsePrefix("10.9.0.1/24"), MTU: 9000, Domain: "guests.example", UUID: "3e3fce45-4f53-4fa7-bb32-11f34168b82b", Autostart: true,
		Ageing: 10 * time.Second, Stations: 100000, LearnLimit: 7, Ports: []string{"vnet0", "veth.1"}, GroupForward: []string{"8021x", "stp"},
		Adopt: Adopt{
			Devices: []DevicePattern{{KindTap, "vnet*"}, {KindVeth, "lxc?"}},
			MACs:    []net.HardwareAddr{{0x52, 0x54, 0, 0x5a, 0x1d, 9}},
		},
		DHCP: DHCP{
			LeaseTime: InfiniteLease, BootFile: "pxelinux.0", BootServer: ip("10.9.0.7"),
			Ranges: []Range{{ip("10.9.0.10"), ip("10.9.0.19")}, {ip("10.9.0.30"), ip("10.9.0.30")}},
			Hosts: []DHCPHost{
				{MAC: net.HardwareAddr{0x52, 0x54, 0, 0, 0, 1}, IP: ip("10.9.0.50"), Name: "web"},
				{ClientID: []byte{1, 0x52, 0x54}, Name: "db", LeaseTime: 2 * time.Hour},
				{Name: "nas", IP: ip("10.9.0.51")},
			},
		},
		DNS: DNS{
			Upstreams: []netip.AddrPort{
				netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("192.0.2.54:5353"),
				netip.MustParseAddrPort("[2001:db8::53]:53"), netip.MustParseAddrPort("[2001:db8::54]:99"),
			},
			Hosts:     []DNSHost{{IP: ip("192.0.2.9"), Names: []string{"a.example", "b"}}},
			LocalOnly: true, LocalPlain: true,
			Domains: []DNSDomain{
				{"corp.example", []netip.AddrPort{netip.MustParseAddrPort("192.0.2.55:53")}}, {"public.corp.example", nil},
			},
			Texts: []DNSText{{"Motto.example", "it's here"}},
			Services: []DNSService{
				{Service: "ldap", Protocol: "tcp", Target: "dc.example", Port: 1}, {Service: "xmpp", Protocol: "tcp", Domain: "other.example"},
				{Service: "x", Protocol: "y", Target: ".", Weight: 9},
			},
		},
		NAT:  NAT{Egress: []string{"docker0"}, Ports: PortRange{50000, 50999}},
		Kept: []string{"<title>Lab</title>", "<bridge stp='on'/>"},
	}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Error(diff)
	}
}

func TestParseNetworkEmptyIsDefault(t *testing.T) {
	got, err := ParseNetwork("lab", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default("lab"), got, equal); diff != "" {
		t.Error(diff)
	}
	if got.Pinned() || got.LinkMTU() != 1500 || !got.DHCP.Enabled || !got.DNS.Enabled || got.Autostart {
		t.Errorf("defaults are off: %+v", got)
	}
}

// Each case is a document and the faults it must report, in their order.
func TestParseNetworkFaults(t *testing.T) {
	const pinned = "address = \"192.168.50.1/24\"\n"
	tests := []struct {
		name, doc string
		want      []string
	}{
		{"no TOML", "mode nat\n", []string{"lab.toml:1: expected '=' after key; correct the TOML"}},
		{"unknown key", "\nmodes = 'nat'\n", []string{"lab.toml:2: modes: unknown key; the keys here are mode, bridge,"}},
		{"unknown nested key", "[[dhcp.hosts]]\nmac='52:54:00:00:00:01'\nipv4='1.2.3.4'\n",
			[]string{"lab.toml:3: dhcp.hosts.ipv4: unknown key; the keys here are mac, client_id, ip, name"}},
		{"two unknown keys", "x=1\n[y]\nz=2\n", []string{"lab.toml:1: x: unknown key", "lab.toml:2: y: unknown key"}},
		{"wrong type", "mtu = '1500'\n", []string{"lab.toml:1: mtu: the value has the wrong type; write a whole number"}},
		{"wrong element type", "ports = [\n 'a',\n 3]\n", []string{"lab.toml:3: ports: the value has the wrong type; write a list of texts"}},
		{"key twice", "mtu = 1500\nmtu = 1500\n", []string{"lab.toml:2: mtu: key mtu is already defined"}},
		{"no mode", "mode = 'natted'\n", []string{`mode: there is no mode "natted"; use nat, isolated, host-only, route, open or bridge`}},
		{"isolated with a way out", "mode = 'isolated'\nuplink = 'eth0'\nnat.egress = ['docker0']\nnat.ports = '61000-61999'\n", []string{
			"lab.toml:2: uplink: nothing leaves a network of mode isolated; leave it out",
			"lab.toml:4: nat.ports: a network of mode isolated is not translated; leave it out",
			"lab.toml:3: nat.egress: a network of mode isolated has no way out; leave it out"}},
		{"bridge without a NIC", "mode = 'bridge'\n", []string{`lab.toml:1: uplink: mode bridge puts guests on the LAN of a NIC, and none is given; name the NIC, such as uplink = "eth0"`}},
		{"bridge with a subnet", "mode = 'bridge'\nuplink = 'eth0'\naddress = '10.0.0.1/24'\ndns.enabled = true\n", []string{
			"lab.toml:3: address: guests of mode bridge have what the LAN gives them; leave it out", "lab.toml:4: dns: "}},
		{"empty text", "bridge = ''\n", []string{"bridge: empty; leave the key out"}},
		{"long device", "bridge = 'abcdefghijklmnop'\n", []string{`bridge: the device name "abcdefghijklmnop" is longer than 15 characters`}},
		{"bad device", "ports = ['a b']\n", []string{`ports[0]: the device name "a b" holds ' '`}},
		{"device twice", "ports = [\n'a',\n'a']\n", []string{"lab.toml:3: ports[1]: a is named twice"}},
		{"host port as port", "bridge='u'\nports = ['u']\n", []string{"lab.toml:2: ports[0]: u is the host port already"}},
		{"group MAC", "mac = '01:00:5e:00:00:01'\n", []string{"mac: 01:00:5e:00:00:01 is not the address of one station"}},
		{"EUI-64", "mac = '02:00:5e:10:00:00:00:01'\n", []string{"is no MAC address"}},
		{"network address", "address = '192.168.50.0/24'\n", []string{"address: 192.168.50.0 is the network or the broadcast address of 192.168.50.0/24; give the gateway's, such as 192.168.50.1/24"}},
		{"broadcast address", "address = '192.168.50.255/24'\n", []string{"address: 192.168.50.255 is the network or the broadcast"}},
		{"no prefix", "address = '192.168.50.1'\n", []string{`address: "192.168.50.1" is no address with a prefix length; write it as "192.168.50.1/24"`}},
		{"host prefix", "address = '192.168.50.1/31'\n", []string{"address: a prefix of 31 bits; use /8 to /30"}},
		{"IPv6 subnet", "address = 'fd00::1/64'\n", []string{"address: not an IPv4 address"}},
		{"loopback subnet", "address = '127.0.0.1/8'\n", []string{"address: 127.0.0.1 is no address for a network"}},
		{"class E subnet", "address = '250.0.0.1/24'\n", []string{"address: 250.0.0.1 is no address for a network"}},
		{"small MTU", "mtu = 100\n", []string{"mtu: 100 is out of range; use 576 to 65521"}},
		{"ageing number", "ageing = '300'\n", []string{`ageing: "300" is no duration`}},
		{"ageing zero", "ageing = '0s'\n", []string{"ageing: 0s is out of range"}},
		{"few stations", "stations = 255\n", []string{"lab.toml:1: stations: 255 is out of range; use 256 to 1048576"}},
		{"many stations", "stations = 1048577\n", []string{"stations: 1048577 is out of range; use 256 to 1048576"}},
		{"a protocol of one wire", "group_forward = [\"stp\", \"lldp\"]\n", []string{`group_forward[1]: "lldp" is not passed on`}},
		{"a protocol twice", "group_forward = [\"stp\", \"stp\"]\n", []string{"group_forward[1]"}},
		{"learn limit", "learn_limit = 0\n", []string{"learn_limit: 0 is out of range"}},
		{"domain", "domain = 'a..b'\n", []string{"domain: an empty label"}},
		{"range without subnet", "[dhcp]\nranges=['192.168.50.2-192.168.50.9']\n", []string{"lab.toml:2: dhcp.ranges[0]: the subnet is automatic"}},
		{"range outside", pinned + "[dhcp]\nranges=['192.168.50.2-192.168.51.9']\n",
			[]string{"lab.toml:3: dhcp.ranges[0]: 192.168.51.9 is no host address of 192.168.50.0/24; use 192.168.50.1-192.168.50.254"}},
		{"range with broadcast", pinned + "dhcp.ranges=['192.168.50.2-192.168.50.255']\n", []string{"192.168.50.255 is no host address"}},
		{"range with gateway", pinned + "dhcp.ranges=['192.168.50.1-192.168.50.9']\n", []string{"dhcp.ranges[0]: holds the gateway 192.168.50.1; split it in two"}},
		{"range backwards", pinned + "dhcp.ranges=['192.168.50.9-192.168.50.2']\n", []string{"ends before it begins"}},
		{"ranges overlap", pinned + "dhcp.ranges=['192.168.50.2-192.168.50.9',\n'192.168.50.9-192.168.50.10']\n", []string{"lab.toml:3: dhcp.ranges[1]: overlaps dhcp.ranges[0]"}},
		{"huge pool", "address = '10.0.0.1/8'\ndhcp.ranges=['10.0.0.2-10.9.0.0']\n", []string{"use at most 65536"}},
		{"lease time", "dhcp.lease_time='121500ms'\n", []string{"dhcp.lease_time: 2m1.5s is no lease time"}},
		{"short lease", "dhcp.lease_time='1m59s'\n", []string{"dhcp.lease_time: 1m59s is no lease time"}},
		{"boot", "[dhcp]\nboot_server='fd00::1'\n", []string{"lab.toml:2: dhcp.boot_server: there is no file to load from fd00::1"}},
		{"boot file", "[dhcp]\nboot_file=\"a\\tb\"\nboot_server='fd00::1'\n", []string{`lab.toml:2: dhcp.boot_file: "a\tb" is no name of a file`, "lab.toml:3: dhcp.boot_server: fd00::1 is none"}},
		{"domain twice", "[dns]\ndomains=[{name='a.b'},\n{name='A.b'}]\n", []string{"lab.toml:3: dns.domains[1].name: a.b is named twice"}},
		{"domain without name", "[[dns.domains]]\nupstreams=['1.2.3.4','0.0.0.0']\n", []string{"lab.toml:1: dns.domains[0].name: an empty label", "lab.toml:2: dns.domains[0].upstreams[1]: nobody answers"}},
		{"TXT", "[[dns.txt]]\nname='a b'\nvalue=''\n", []string{"lab.toml:2: dns.txt[0].name: \"a b\" is no name of a record"}},
		{"SRV", "[[dns.srv]]\nservice='a.b'\ntarget='x'\nport=0\n", []string{"lab.toml:2: dns.srv[0].service: \"a.b\" is no label", "lab.toml:1: dns.srv[0].protocol: \"\" is no label", "lab.toml:4: dns.srv[0].port: nothing listens"}},
		{"SRV without target", "[[dns.srv]]\nservice='a'\nprotocol='tcp'\nweight=1\n", []string{"lab.toml:1: dns.srv[0]: port, priority or weight of no target"}},
		{"reservation for nobody", "[[dhcp.hosts]]\nname='a'\n", []string{"lab.toml:1: dhcp.hosts[0]: a reservation for nobody; give mac or client_id"}},
		{"reservation of nothing", "[[dhcp.hosts]]\nmac='52:54:00:00:00:01'\n", []string{"a reservation of nothing; give ip or name"}},
		{"reserved gateway", pinned + "[[dhcp.hosts]]\nmac='52:54:00:00:00:01'\nip='192.168.50.1'\n", []string{"lab.toml:4: dhcp.hosts[0].ip: 192.168.50.1 is the gateway's"}},
		{"reserved outside", pinned + "[[dhcp.hosts]]\nmac='52:54:00:00:00:01'\nip='192.168.9.1'\n", []string{"dhcp.hosts[0].ip: 192.168.9.1 is no host address of 192.168.50.0/24"}},
		{"reserved twice", pinned + "[[dhcp.hosts]]\nmac='52:54:00:00:00:01'\nip='192.168.50.9'\nname='x'\n[[dhcp.hosts]]\nmac='52-54-00-00-00-01'\nip='192.168.50.9'\nname='X'\n",
			[]string{"lab.toml:7: dhcp.hosts[1].mac: 52:54:00:00:00:01 is in dhcp.hosts[0] already", "lab.toml:9: dhcp.hosts[1].name: x is", "lab.toml:8: dhcp.hosts[1].ip: 192.168.50.9 is"}},
		{"client id", "[[dhcp.hosts]]\nclient_id='0'\nname='a'\n", []string{`dhcp.hosts[0].client_id: "0" is no client identifier`}},
		{"local without domain", "dns.local_only=true\n", []string{"dns.local_only: there is no domain to keep local"}},
		{"own upstream", pinned + "dns.upstreams=['192.168.50.1']\n", []string{"dns.upstreams[0]: 192.168.50.1 is this network's own gateway"}},
		{"upstream twice", "dns.upstreams=['192.0.2.1', '192.0.2.1:53']\n", []string{"dns.upstreams[1]: 192.0.2.1:53 is named twice"}},
		{"upstream nobody", "dns.upstreams=['0.0.0.0', '192.0.2.1:0', 'dns.example']\n", []string{`dns.upstreams[2]: "dns.example" is no resolver`}},
		{"name without address", "[[dns.hosts]]\nnames=['a']\n", []string{"dns.hosts[0]: an entry without an address"}},
		{"address without name", "[[dns.hosts]]\nip='192.0.2.1'\n", []string{"dns.hosts[0]: an entry without a name"}},
		{"bad DNS name", "[[dns.hosts]]\nip='192.0.2.1'\nnames=['a b']\n", []string{`lab.toml:3: dns.hosts[0].names[0]: the label "a b" holds ' '`}},
		{"nat ports", "nat.ports='80-90'\n", []string{"nat.ports: 80-90 is no range that NAT may use; use a range within 1024-65535"}},
		{"long list", "ports=[" + strings.Repeat("'a',", 1025) + "]", []string{"ports: 1025 elements; use at most 1024"}},
		{"nat ports text", "nat.ports='high'\n", []string{`nat.ports: "high" is no range of ports`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseNetwork("lab", []byte(tt.doc))
			wantFaults(t, err, tt.want)
		})
	}
}

// A file of the largest size is read or refused at once, whatever it repeats.
func TestParseNetworkLargeFiles(t *testing.T) {
	for _, doc := range []string{
		"ports=[" + strings.Repeat("'a',", MaxFile/5) + "]",
		"dhcp.ranges=[" + strings.Repeat("'10.0.0.1-10.0.0.2',", MaxFile/30) + "]",
		strings.Repeat("[[dns.hosts]]\nip='10.0.0.1'\nnames=['a']\n", MaxFile/50),
	} {
		start := time.Now()
		_, _ = ParseNetwork("lab", []byte(doc))
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%.20s…: took %v", doc, took)
		}
	}
}

func wantFaults(t *testing.T, err error, want []string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no fault; want %q", want)
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Fatalf("got %d faults, want %d:\n%v", len(got), len(want), err)
	}
	for i := range got {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("fault %d: got  %s\n          want %s", i, got[i], want[i])
		}
	}
	var fault *Error
	if !errors.As(err, &fault) || fault.Fix == "" || fault.Line == 0 {
		t.Errorf("the fault lacks line or fix: %+v", fault)
	}
}

func TestCheckOfAModelPutTogetherInCode(t *testing.T) {
	n := Default("lab")
	if err := n.Check(); err != nil {
		t.Errorf("default: %v", err)
	}
	n.MTU = 3
	if err := n.Check(); err == nil || err.Error() != "network lab: mtu: 3 is out of range; use 576 to 65521" {
		t.Errorf("got %v", err)
	}
	if err := Default("../x").Check(); err == nil {
		t.Error("a name with a slash passed")
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"", "-a", ".a", "a/b", "a b", "lab.toml", "lab.xml", strings.Repeat("a", 65), "a\x00"} {
		if CheckName(name) == nil {
			t.Errorf("%q passed", name)
		}
	}
	for _, name := range []string{"default", "7", "a.b_c-d", strings.Repeat("a", 64)} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
}
