package config

import (
	"fmt"
	"strings"
	"testing"
)

// network is a definition with something in it, on line 1, and an <ip> on line 2.
func network(inside string) string {
	return "<network><name>lab</name>" + inside + "\n<ip address='10.0.0.1' prefix='24'/></network>"
}

func manyAttributes() (text string) {
	for i := range 257 {
		text += fmt.Sprintf(" a%d=''", i)
	}
	return text
}

// bare is a definition with nothing but a name.
func bare(inside string) string { return "<network>\n<name>lab</name>\n" + inside + "</network>" }

// libvirtFaults are documents that are refused, and what is said.
var libvirtFaults = []struct{ name, doc, want string }{
	{"empty", "", "x.xml:1: there is no element; begin with <network>"},
	{"other document", "<domain/>", "x.xml:1: domain: this is no network definition; the outermost element must be <network>"},
	{"not well-formed", "<network>\n<name>x</nam", "x.xml:2: not well-formed XML: "},
	{"crossed", "<network>\n<name>x</network>", "x.xml:2: name: </network> where <name> of line 2 ends; write </name>"},
	{"not ended", "<network>\n<name>x</name>", "x.xml:1: network: the element is not ended; add </network>"},
	{"end alone", "</network>", "x.xml:1: network: it ends what did not begin"},
	{"second root", "<network/><network/>", "x.xml:1: network: a second element at the top"},
	{"text outside", "<network/>\nx", "x.xml:2: text outside of the elements; remove it"},
	{"entities", "<!DOCTYPE a [<!ENTITY b 'c'>]><network/>", "x.xml:1: a document type declaration, and with it entities of one's own, is not taken; remove <!…>"},
	{"unknown entity", "<network><name>&b;</name></network>", "invalid character entity &b;"},
	{"other encoding", "<?xml version='1.0' encoding='latin1'?><network/>", "the text is not in UTF-8; save it as UTF-8"},
	{"prefix", bare("<a:b/>"), "x.xml:3: a:b: the prefix \"a\" is declared nowhere; add xmlns:a='…'"},
	{"attribute twice", bare("<mtu size='1' size='2'/>"), "x.xml:3: mtu@size: the attribute is given twice; leave one out"},
	{"deep", strings.Repeat("<a>", 65), "x.xml:1: a: more than 64 elements within one another"},
	{"large", strings.Repeat(" ", 1<<20) + "<network/>", "x.xml:1: larger than 1 MiB"},

	{"many attributes", "<network" + manyAttributes() + "/>", "x.xml:1: network: more than 256 attributes"},
	{"many elements", network(strings.Repeat("<portgroup name='a'/>", 1025)), "portgroup: more than 1024 of them; use fewer"},
	{"much kept", network(strings.Repeat("<route address='10.5.0.0' prefix='16' gateway='10.0.0.2'/>", 1000) + "<virtualport type='openvswitch'/>" + strings.Repeat("<ip address='10.5.0.1' prefix='16'/>", 1000)), "network: "},

	{"no name", "<network><ip address='10.0.0.1'/></network>", "x.xml:1: name: the name is empty; give the network another name"},
	{"bad name", "<network>\n<name>a/b</name><ip address='10.0.0.1'/></network>", `x.xml:2: name: the name "a/b" holds '/'; use letters`},
	{"unknown element", network("<brigde/>"), "x.xml:1: brigde: unknown element; the elements here are name, uuid, title,"},
	{"unknown below", network("<dns><hosts/></dns>"), "x.xml:1: dns/hosts: unknown element; the elements here are forwarder, txt, srv, host"},
	{"unknown attribute", network("<bridge nam='a'/>"), "x.xml:1: bridge@nam: unknown attribute; the attributes here are name, zone, stp, delay, macTableManager"},
	{"other namespace", network("<x:name xmlns:x='urn:x'>a</x:name>"), "x:name: unknown element"},
	{"element twice", network("<mtu size='1500'/><mtu size='1500'/>"), "x.xml:1: mtu: the element is given twice; leave one out"},
	{"stray text", network("<bridge>virbr0</bridge>"), `x.xml:1: bridge: the text "virbr0" where none belongs; remove it`},
	{"missing attribute", network("<mac/>"), "x.xml:1: mac: the attribute address is missing; add address='…'"},
	{"UUID", network("<uuid>12</uuid>"), "uuid: \"12\" is no UUID; write it as `uuidgen` does, or leave it out"},
	{"title of two lines", network("<title>a\nb</title>"), "title: it has more than one line"},
	{"yes or no", network("<port isolated='true'/>"), `port@isolated: there is no "true" here; use yes, no`},
	{"spanning tree", network("<bridge stp='yes'/>"), `bridge@stp: there is no "yes" here; use on, off`},
	{"delay", network("<bridge delay='-1'/>"), `bridge@delay: "-1" is no number from 0 to`},
	{"MAC", network("<mac address='52:54:00'/>"), `mac@address: "52:54:00" is no MAC address; write it as 52:54:00:12:34:56`},
	{"group MAC", network("<mac address='01:00:5e:00:00:01'/>"), "mac@address: 01:00:5e:00:00:01 is the address of a group"},
	{"MTU", network("<mtu size='68'/>"), "x.xml:1: mtu@size: 68 is out of range; use 576 to 65521"},
	{"pattern", network("<bridge name='virbr%d'/>"), `bridge@name: "virbr%d" is a pattern for a name; give the whole name`},
	{"long name", network("<bridge name='a-much-too-long-name'/>"), `bridge@name: the device name "a-much-too-long-name" is longer than 15 characters`},
	{"domain", network("<domain name='a..b'/>"), "x.xml:1: domain@name: an empty label"},
	{"registered", network("<domain name='a' register='yes'/>"), "domain@register: only a domain that is kept local can be registered; add localOnly='yes'"},

	{"unknown mode", network("<forward mode='nats'/>"), `x.xml:1: forward@mode: there is no mode "nats"; use nat, route, open or bridge`},
	{"macvtap", bare("<forward mode='private'/>"), "forward@mode: mode private is one of macvtap devices, which are not carried; use mode='bridge' with"},
	{"hostdev", bare("<forward mode='hostdev'/>"), "forward@mode: ubridge does not hand out devices"},
	{"PF", bare("<forward mode='bridge'>\n<pf dev='eth0'/></forward>"), "x.xml:4: forward/pf: ubridge does not hand out devices"},
	{"two devices", network("<forward><interface dev='a'/><interface dev='b'/></forward>"), "forward/interface: several devices: a, b; name one"},
	{"devices differ", network("<forward dev='a'><interface dev='b'/></forward>"), "forward@dev: a is not the first <interface>, b"},
	{"open with device", network("<forward mode='open' dev='a'/>"), "forward@dev: mode open does not limit where packets go"},
	{"translation of a routed network", network("<forward mode='route'><nat/></forward>"), "forward/nat: mode route does not translate; leave it out"},
	{"addresses to translate to", network("<forward><nat><address start='1.2.3.4' end='1.2.3.5'/></nat></forward>"), "forward/nat/address: guests share the host's own address"},
	{"ports", network("<forward><nat><port start='9' end='8'/></nat></forward>"), "forward/nat/port: 9-8 is no range that NAT may use"},
	{"nat without address", bare("<forward/>"), "x.xml:1: ip: a network of mode nat without an IPv4 address of its own; give the gateway's"},
	{"isolated without address", bare(""), "ip: a network of mode isolated without an IPv4 address of its own"},
	{"IPv6 alone", bare("<ip family='ipv6' address='fd00::1' prefix='64'/>"), "ip: a network of mode isolated without an IPv4 address of its own; give the gateway's address"},

	{"kernel bridge", bare("<forward mode='bridge'/><bridge name='br0'/>"), "x.xml:3: bridge@name: br0 would be a bridge of the kernel, which ubridge does without; name the NIC behind it"},
	{"bridge and NIC", bare("<forward mode='bridge' dev='eth0'/><bridge name='br0'/>"), "bridge@name: a bridge and a NIC are both named"},
	{"no NIC", bare("<forward mode='bridge'/>"), "x.xml:3: forward: mode bridge puts guests on the LAN of a NIC, and none is given"},
	{"ip in bridge", network("<forward mode='bridge' dev='e'/>"), "x.xml:2: ip: guests of mode bridge have what the LAN gives them; leave it out"},
	{"mac in bridge", bare("<forward mode='bridge' dev='e'/><mac address='52:54:00:00:00:01'/>"), "mac: guests of mode bridge have"},
	{"dns in bridge", bare("<forward mode='bridge' dev='e'/><dns/>"), "dns: guests of mode bridge have"},
	{"domain in bridge", bare("<forward mode='bridge' dev='e'/><domain name='a'/>"), "domain: guests of mode bridge have"},
	{"MTU in bridge", bare("<forward mode='bridge' dev='e'/><mtu size='1500'/>"), "mtu: guests of mode bridge have"},
	{"STP in bridge", bare("<forward mode='bridge' dev='e'/><bridge stp='on'/>"), "bridge@stp: mode bridge makes no bridge that it could be set on"},
	{"delay in bridge", bare("<forward mode='bridge' dev='e'/><bridge delay='1'/>"), "bridge@delay: mode bridge makes no bridge"},
	{"zone in bridge", bare("<forward mode='bridge' dev='e'/><bridge zone='a'/>"), "bridge@zone: mode bridge makes no bridge"},
	{"bandwidth in bridge", bare("<forward mode='bridge' dev='e'/><bandwidth/>"), "bandwidth: libvirt limits no rates in mode bridge on a NIC"},
	{"bandwidth of a group in bridge", bare("<forward mode='bridge' dev='e'/><portgroup name='a'><bandwidth/></portgroup>"), "portgroup/bandwidth: libvirt limits no rates"},

	{"VLAN", network("<vlan><tag id='42'/></vlan>"), "x.xml:1: vlan: ubridge gives guests no VLANs; make a network for each VLAN"},
	{"VLAN of a group", network("<portgroup name='a'><vlan trunk='yes'/></portgroup>"), "portgroup/vlan: ubridge gives guests no VLANs"},
	{"two default groups", network("<portgroup name='a' default='yes'/><portgroup name='b' default='yes'/>"), "portgroup@default: a is the default already; leave it to one"},
	{"groups of one name", network("<portgroup name='a'/><portgroup name='a'/>"), "portgroup@name: two groups are named a"},
	{"no average", network("<bandwidth><inbound peak='1'/></bandwidth>"), "bandwidth/inbound: the attribute average is missing"},
	{"floor of outbound", network("<bandwidth><outbound average='1' floor='1'/></bandwidth>"), "bandwidth/outbound@floor: only what comes in can have a floor"},
	{"profile without type", network("<virtualport/>"), "virtualport: the attribute type is missing"},

	{"name service off", network("<dns enable='no'><txt name='a' value='b'/></dns>"), "dns@enable: a name service that is off has something to serve"},
	{"forwarder of nothing", network("<dns><forwarder/></dns>"), "dns/forwarder: neither an address nor a domain"},
	{"forwarder", network("<dns><forwarder addr='dns.example'/></dns>"), `dns/forwarder@addr: "dns.example" is no IP address`},
	{"own gateway", network("<dns><forwarder addr='10.0.0.1'/></dns>"), "x.xml:1: dns/forwarder@addr: 10.0.0.1 is this network's own gateway"},
	{"forwarders of two kinds", network("<dns><forwarder domain='a.b' addr='1.2.3.4'/>\n<forwarder domain='A.b.'/></dns>"), "x.xml:2: dns/forwarder@domain: a.b has a forwarder without an address, and another"},
	{"forwarder of a bad domain", network("<dns><forwarder domain='a..b'/></dns>"), "x.xml:1: dns/forwarder@domain: an empty label"},
	{"host without name", network("<dns><host ip='10.0.0.2'/></dns>"), "dns/host: an address without a name; add <hostname>…</hostname>"},
	{"host name", network("<dns><host ip='10.0.0.2'><hostname>a b</hostname></host></dns>"), "dns/host/hostname: the label \"a b\" holds ' '"},
	{"TXT", network("<dns><txt name='a b' value=''/></dns>"), `dns/txt@name: "a b" is no name of a TXT record`},
	{"SRV", network("<dns><srv service='a.b' protocol='tcp'/></dns>"), `dns/srv@service: "a.b" is no name of a service`},
	{"SRV without target", network("<dns><srv service='a' protocol='tcp' weight='1'/></dns>"), "dns/srv@weight: there is no target that it could be of"},

	{"no address", bare("<ip prefix='24'/>"), "x.xml:3: ip: the attribute address is missing"},
	{"address", bare("<ip address='10.0.0.300'/>"), `ip@address: "10.0.0.300" is no IP address`},
	{"mask", bare("<ip address='10.0.0.1' netmask='255.0.255.0'/>"), "ip@netmask: the ones and zeros of the netmask 255.0.255.0 are mixed"},
	{"mask and prefix", bare("<ip address='10.0.0.1' netmask='255.0.0.0' prefix='8'/>"), "ip@netmask: a netmask and a prefix; leave one out"},
	{"prefix", bare("<ip address='10.0.0.1' prefix='33'/>"), "ip@prefix: a prefix of 33 bits"},
	{"family left out", network("<ip address='fd00::1'/>"), "ip@family: fd00::1 is no address of ipv4; write family='ipv6'"},
	{"family", bare("<ip family='ipv6' address='10.0.0.1'/>"), "ip@family: 10.0.0.1 is no address of ipv6"},
	{"mask in IPv6", network("<ip family='ipv6' address='fd00::1' netmask='255.0.0.0'/>"), "ip@netmask: IPv6 has no netmasks; use prefix='64'"},
	{"network address", bare("<ip address='10.0.0.0' prefix='24'/>"), "x.xml:3: ip@address: 10.0.0.0 is the network or the broadcast address"},
	{"reverse zone", bare("<ip address='10.0.0.1' prefix='25' localPtr='yes'/>"), "ip@localPtr: a prefix of 25 bits has no reverse zone of its own"},
	{"two DHCP", bare("<ip address='10.0.0.1'><dhcp><range start='10.0.0.2' end='10.0.0.3'/></dhcp></ip>\n<ip address='11.0.0.1'>\n<dhcp><host name='a' ip='11.0.0.2'/></dhcp></ip>"), "x.xml:5: ip/dhcp: DHCP in two subnets of one family; keep it in one"},
	{"range outside", bare("<ip address='10.0.0.1' prefix='24'><dhcp>\n<range start='10.0.1.2' end='10.0.1.3'/></dhcp></ip>"), "x.xml:4: ip/dhcp/range: 10.0.1.2 to 10.0.1.3 is no range in 10.0.0.0/24"},
	{"range reversed", bare("<ip address='10.0.0.1' prefix='24'><dhcp>\n<range start='10.0.0.9' end='10.0.0.3'/></dhcp></ip>"), "ip/dhcp/range: 10.0.0.9 to 10.0.0.3 is no range"},
	{"range of IPv6", network("<ip family='ipv6' address='fd00::1' prefix='64'><dhcp><range start='fd01::1' end='fd01::2'/></dhcp></ip>"), "ip/dhcp/range: fd01::1 to fd01::2 is no range in fd00::/64"},
	{"gateway in range", bare("<ip address='10.0.0.1' prefix='24'><dhcp>\n<range start='10.0.0.1' end='10.0.0.3'/></dhcp></ip>"), "x.xml:4: ip/dhcp/range: holds the gateway 10.0.0.1; split it in two"},
	{"short lease", bare("<ip address='10.0.0.1'><dhcp><range start='10.0.0.2' end='10.0.0.3'><lease expiry='1'/></range></dhcp></ip>"), "ip/dhcp/range/lease: 1m0s is no lease time"},
	{"long lease", bare("<ip address='10.0.0.1'><dhcp><range start='10.0.0.2' end='10.0.0.3'><lease expiry='9999999999' unit='hours'/></range></dhcp></ip>"), `ip/dhcp/range/lease: "9999999999 hours" is no duration`},
	{"leases differ", bare("<ip address='10.0.0.1'><dhcp><range start='10.0.0.2' end='10.0.0.3'/><range start='10.0.0.5' end='10.0.0.6'><lease expiry='5'/></range></dhcp></ip>"), "ip/dhcp/range/lease: ranges with different lease times"},
	{"unit", bare("<ip address='10.0.0.1'><dhcp><range start='10.0.0.2' end='10.0.0.3'><lease expiry='5' unit='days'/></range></dhcp></ip>"), `lease@unit: there is no "days" here; use seconds, minutes, hours`},
	{"reservation of no address", bare("<ip address='10.0.0.1'><dhcp><host name='a'/></dhcp></ip>"), "ip/dhcp/host: the attribute ip is missing"},
	{"reservation for nobody", bare("<ip address='10.0.0.1'><dhcp><host ip='10.0.0.2'/></dhcp></ip>"), "ip/dhcp/host: a reservation for nobody; add mac or name"},
	{"DUID in IPv4", bare("<ip address='10.0.0.1'><dhcp><host id='0:1' name='a' ip='10.0.0.2'/></dhcp></ip>"), "ip/dhcp/host@id: DUIDs are those of IPv6 clients"},
	{"MAC in IPv6", network("<ip family='ipv6' address='fd00::1'><dhcp><host mac='52:54:00:00:00:01' ip='fd00::2'/></dhcp></ip>"), "ip/dhcp/host@mac: clients of DHCPv6 are not known by a MAC"},
	{"reserved twice", bare("<ip address='10.0.0.1'><dhcp><host name='a' ip='10.0.0.2'/>\n<host name='b' ip='10.0.0.2'/></dhcp></ip>"), "x.xml:4: ip/dhcp/host@ip: 10.0.0.2 is in dhcp.hosts[0] already"},
	{"named twice", bare("<ip address='10.0.0.1'><dhcp><host name='a.b' ip='10.0.0.2'/>\n<host name='a.c' ip='10.0.0.3'/></dhcp></ip>"), "x.xml:4: ip/dhcp/host@name: a is in dhcp.hosts[0] already"},
	{"name of a reservation", bare("<ip address='10.0.0.1'><dhcp><host name='-a' ip='10.0.0.2'/></dhcp></ip>"), `ip/dhcp/host@name: "-a" is no name of a host`},
	{"TFTP in IPv6", network("<ip family='ipv6' address='fd00::1'><tftp root='/x'/></ip>"), "ip/tftp: TFTP in IPv6"},
	{"boot server", bare("<ip address='10.0.0.1'><dhcp><bootp file='a' server='b'/></dhcp></ip>"), `ip/dhcp/bootp@server: "b" is no IP address`},

	{"route from nowhere", network("<route address='10.5.0.0' prefix='16' gateway='10.1.0.1'/>"), "route@gateway: 10.1.0.1 is in no subnet of the network"},
	{"route to a host part", network("<route address='10.5.1.1' prefix='16' gateway='10.0.0.2'/>"), "route@address: 10.5.1.1 is no network of 16 bits; write 10.5.0.0"},
	{"route of two families", network("<route family='ipv6' address='fd01::' prefix='64' gateway='10.0.0.2'/>"), "route@gateway: 10.0.0.2 cannot lead to fd01::/64"},
	{"route of no metric", network("<route address='10.5.0.0' prefix='16' gateway='10.0.0.2' metric='0'/>"), "route@metric: 0 is no metric"},

	{"two uplinks", bare("<metadata><u:definition xmlns:u='urn:ubridge:network:1'>\n\nuplink='eth1'</u:definition></metadata><forward mode='bridge' dev='eth0'/>"), "x.xml:5: metadata/ubridge:definition uplink: the elements say one thing, and ubridge's element in <metadata> another; say it in one place"},
	{"key in metadata", bare("<metadata><u:definition xmlns:u='urn:ubridge:network:1'>\nuplinks='eth1'</u:definition></metadata><forward mode='bridge'/>"), "x.xml:4: metadata/ubridge:definition uplinks: unknown key; the keys here are mode,"},
	{"value in metadata", bare("<metadata><u:definition xmlns:u='urn:ubridge:network:1'>\nageing='x'</u:definition></metadata><forward mode='bridge' dev='a'/>"), `x.xml:4: metadata/ubridge:definition ageing: "x" is no duration`},
	{"elements in metadata", bare("<metadata><u:definition xmlns:u='urn:ubridge:network:1'><u:uplink/></u:definition></metadata>"), "metadata/ubridge:definition: elements where there should be text"},
	{"kept in metadata", bare("<metadata><u:definition xmlns:u='urn:ubridge:network:1'>libvirt.kept=['a']</u:definition></metadata>"), "metadata/ubridge:definition libvirt.kept: elements within an element's text"},
}

func TestLibvirtFaults(t *testing.T) {
	for _, tt := range libvirtFaults {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := ParseLibvirt("x.xml", []byte(tt.doc))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// Kept parts in TOML are held against the rest.
func TestKeptFaults(t *testing.T) {
	tests := []struct{ name, doc, want string }{
		{"no XML", `kept = ["<a"]`, "lab.toml:3: libvirt.kept[0]: line 1: not well-formed XML"},
		{"unknown", `kept = ["<title/>", "<a/>"]`, "lab.toml:3: libvirt.kept[1]: unknown element <a>; leave it as ubridge wrote it, or remove it"},
		{"in the model", `kept = ["<bridge name='virbr0'/>"]`, "libvirt.kept: it says something about what has a key of its own"},
		{"said already", `kept = ["<name>b</name>"]`, "libvirt.kept[0]: <name> is said elsewhere too"},
		{"does not fit", `kept = ["<route address='10.5.0.0' prefix='16' gateway='10.1.0.1'/>"]`, "libvirt.kept: it does not go with the rest: lab.xml:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseNetwork("lab", []byte("address = '10.0.0.1/24'\n[libvirt]\n"+tt.doc))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}
