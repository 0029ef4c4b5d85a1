package libvirtxml

// Namespaces of elements that are not libvirt's own.
const (
	// OwnSpace is ubridge's: its element in <metadata> holds, in TOML, the keys of
	// a definition that libvirt's elements have no place for.
	OwnSpace = "urn:ubridge:network:1"
	// DnsmasqSpace is that of the options that libvirt hands to dnsmasq unread.
	DnsmasqSpace = "http://libvirt.org/schemas/network/dnsmasq/1.0"
)

// Reasons that occur more than once.
const (
	noShaper  = "ubridge does not limit rates"
	noVLAN    = "ubridge gives guests no VLANs"
	vlanFix   = "make a network for each VLAN, with the VLAN's device as its NIC"
	noMacvtap = "it is a setting of macvtap ports, of which ubridge has none"
	noProfile = "there is no other switch to which a port profile could be told"
	noGroups  = "ubridge has no groups of ports"
	noSRIOV   = "ubridge does not hand out devices"
	useBridge = "use mode='bridge' with <interface dev='NIC'/>"
)

// network is the table: libvirt's network format (docs/formatnetwork.rst,
// src/conf/schemas/network.rng), in the order in which libvirt writes it
// (virNetworkDefFormatBuf in src/conf/network_conf.c), up to libvirt 12.0.
var network = &spec{
	name: "network",
	attrs: []attrSpec{
		{name: "connections", treat: Status, words: words{is: "guests connected"}},
		{name: "ipv6", form: yesNo, treat: Kept, words: words{is: "IPv6 between guests is always switched", note: unless("yes", "IPv6 between guests is switched all the same")}},
		{name: "trustGuestRxFilters", form: yesNo, treat: Kept, words: words{is: noMacvtap, note: unless("no", noMacvtap)}},
	},
	children: []*spec{
		{name: "name", text: anyText, words: words{is: "the network's name"}},
		{name: "uuid", text: uuid, words: words{is: "`uuid`; made where it is left out"}},
		{name: "title", text: oneLine, treat: Kept, words: words{is: "for people", note: plain}},
		{name: "description", text: anyText, treat: Kept, words: words{is: "for people", note: plain}},
		{name: "metadata", foreign: true, treat: Kept, words: words{is: "for other programs; ubridge's own element is honoured", note: plain}},
		forward,
		bridge,
		{name: "mtu", attrs: []attrSpec{{name: "size", form: upTo(65535), needed: true, words: words{is: "`mtu`"}}}},
		{name: "mac", attrs: []attrSpec{{name: "address", form: mac, needed: true, words: words{is: "`mac`"}}}},
		{name: "domain", attrs: []attrSpec{
			{name: "name", needed: true, words: words{is: "`domain`"}},
			{name: "localOnly", form: yesNo, words: words{is: "`dns.local_only`"}},
			{name: "register", form: yesNo, treat: Kept, words: words{is: "the host's own resolver is not told of the domain", note: unless("no", "the host's own resolver is not told of the domain")}},
		}},
		dns,
		vlan,
		bandwidth,
		{name: "port", attrs: []attrSpec{{name: "isolated", form: yesNo, words: words{is: "`isolated_ports`; without <forward>: mode host-only"}}}},
		ip,
		{name: "route", many: true, treat: Kept, words: words{is: "the host's routes stay as they are: add this one by hand"}, attrs: []attrSpec{
			{name: "family", form: family}, {name: "address", form: address, needed: true}, {name: "netmask", form: netmask},
			{name: "prefix", form: upTo(128)}, {name: "gateway", form: address, needed: true}, {name: "metric", form: upTo(1<<32 - 1)},
		}},
		virtualport,
		{name: "portgroup", many: true, treat: Kept, words: words{is: noGroups}, attrs: []attrSpec{
			{name: "name", needed: true}, {name: "default", form: yesNo}, {name: "trustGuestRxFilters", form: yesNo},
		}, children: []*spec{vlan, virtualport, bandwidth}},
		options,
	},
}

var forward = &spec{
	name:  "forward",
	words: words{is: "`mode`; left out: isolated, or host-only with isolated ports"},
	attrs: []attrSpec{
		{name: "mode", form: mode, words: words{is: "`mode`: nat (where it is left out), route, open or bridge; private, vepa, passthrough and hostdev are refused"}},
		{name: "dev", form: device, words: words{is: "`uplink`"}},
		{name: "managed", form: yesNo, treat: Kept, words: words{is: noSRIOV, note: unless("no", noSRIOV)}},
	},
	children: []*spec{
		{name: "driver", treat: Refused, words: words{is: noSRIOV, fix: useBridge}},
		{name: "pf", treat: Refused, words: words{is: noSRIOV, fix: useBridge}},
		{name: "address", treat: Refused, many: true, words: words{is: noSRIOV, fix: useBridge}},
		{name: "nat", attrs: []attrSpec{
			{name: "ipv6", form: yesNo, treat: Kept, words: words{is: "IPv6 is not translated", note: unless("no", "IPv6 is not translated")}},
		}, children: []*spec{
			{name: "address", treat: Refused, words: words{is: "guests share the host's own address, not a range of others", fix: "remove it"}},
			{name: "port", words: words{is: "`nat.ports`; 1024 to 65535, which libvirt writes where none are given, is kept and leaves them to ubridge", note: plain}, attrs: []attrSpec{{name: "start", form: upTo(65535), needed: true}, {name: "end", form: upTo(65535), needed: true}}},
		}},
		{name: "interface", many: true, attrs: []attrSpec{
			{name: "dev", form: device, needed: true, words: words{is: "`uplink`; one only"}},
			{name: "connections", treat: Status, words: words{is: "guests connected"}},
		}},
	},
}

var bridge = &spec{
	name: "bridge",
	attrs: []attrSpec{
		{name: "name", form: device, words: words{is: "`bridge`; in mode bridge it would be a kernel bridge: refused unless the metadata names the uplink", note: always("guests are on the NIC, through no kernel bridge")}},
		{name: "zone", form: zone, treat: Kept, words: words{is: "guests' packets do not pass the host's firewall, so no zone has a say in them"}},
		{name: "stp", form: onOff, treat: Kept, words: words{is: "ubridge speaks no spanning tree", note: unless("off", "ubridge speaks no spanning tree")}},
		{name: "delay", form: upTo(1<<63 - 1), treat: Kept, words: words{is: "ports forward at once", note: unless("0", "ports forward at once")}},
		{name: "macTableManager", form: oneOf("kernel", "libvirt"), treat: Kept, words: words{is: "stations are learned", note: unless("kernel", "stations are learned; `learn_limit` bounds how many a port may have")}},
	},
}

var dns = &spec{
	name: "dns",
	attrs: []attrSpec{
		{name: "enable", form: yesNo, words: words{is: "`dns.enabled`"}},
		{name: "forwardPlainNames", form: yesNo, words: words{is: "`dns.local_plain_names`"}},
	},
	children: []*spec{
		forwarder,
		{name: "txt", many: true, words: words{is: "`dns.txt`; commas do not part it into strings"}, attrs: []attrSpec{
			{name: "name", form: txtName, needed: true}, {name: "value", needed: true},
		}},
		{name: "srv", many: true, words: words{is: "`dns.srv`"}, attrs: []attrSpec{
			{name: "service", form: service, needed: true}, {name: "protocol", form: protocol, needed: true}, {name: "domain"},
			{name: "target"}, {name: "port", form: port}, {name: "priority", form: upTo(65535)}, {name: "weight", form: upTo(65535)},
		}},
		{name: "host", many: true, words: words{is: "`dns.hosts`"}, attrs: []attrSpec{{name: "ip", form: address, needed: true}}, children: []*spec{
			{name: "hostname", many: true, text: filled, words: words{is: "`dns.hosts.names`"}},
		}},
	},
}

var forwarder = &spec{name: "forwarder", many: true, attrs: []attrSpec{
	{name: "domain", form: filled, words: words{is: "`dns.domains`"}},
	{name: "addr", form: address, words: words{is: "`dns.upstreams`"}},
	{name: "port", form: port, words: words{is: "`dns.upstreams`"}},
}}

var ip = &spec{
	name: "ip", many: true,
	words: words{is: "the first IPv4 one is honoured; IPv6, and further IPv4 ones, are kept, not in force"},
	attrs: []attrSpec{
		{name: "family", form: family, words: words{is: "as `address` says"}},
		{name: "address", form: address, words: words{is: "`address`"}},
		{name: "netmask", form: netmask, words: words{is: "`address`"}},
		{name: "prefix", form: upTo(128), words: words{is: "`address`"}},
		{name: "localPtr", form: yesNo, treat: Kept, words: words{is: "the reverse names of the subnet are answered here in any case", note: unless("yes", "the reverse names of the subnet are answered here all the same")}},
	},
	children: []*spec{
		{name: "tftp", treat: Kept, words: words{is: "ubridge serves no files"}, attrs: []attrSpec{{name: "root"}}},
		{name: "dhcp", words: words{is: "`dhcp.enabled`, where it holds a range or a host; hosts alone: `dhcp.reserved_only`"}, children: []*spec{
			{name: "range", many: true, words: words{is: "`dhcp.ranges`"}, attrs: []attrSpec{{name: "start", form: address, needed: true}, {name: "end", form: address, needed: true}}, children: []*spec{
				lease("`dhcp.lease_time`: the same for every range"),
			}},
			{name: "host", many: true, words: words{is: "`dhcp.hosts`"}, attrs: []attrSpec{
				{name: "mac", form: mac}, {name: "id", form: duid, words: words{is: "of DHCPv6: kept with its <ip>, refused in IPv4"}}, {name: "name", words: words{is: "`dhcp.hosts.name`; its first label, in the network's domain"}}, {name: "ip", form: address, needed: true},
			}, children: []*spec{
				lease("`dhcp.hosts.lease_time`"),
			}},
			{name: "bootp", words: words{is: "`dhcp.boot_file`, `dhcp.boot_server`"}, attrs: []attrSpec{{name: "file", form: filled, needed: true}, {name: "server", form: address}}},
		}},
	},
}

var options = &spec{
	name: "options", space: DnsmasqSpace, treat: Kept, words: words{is: "there is no dnsmasq to take them"},
	children: []*spec{{name: "option", space: DnsmasqSpace, many: true, attrs: []attrSpec{{name: "value", needed: true}}}},
}

func lease(is string) *spec {
	return &spec{name: "lease", words: words{is: is}, attrs: []attrSpec{
		{name: "expiry", form: upTo(1<<63 - 1), needed: true}, {name: "unit", form: oneOf("seconds", "minutes", "hours")},
	}}
}

var vlan = &spec{name: "vlan", treat: Refused, words: words{is: noVLAN, fix: vlanFix}}

var bandwidth = &spec{
	name: "bandwidth", treat: Kept, words: words{is: noShaper},
	attrs:    []attrSpec{{name: "classID", treat: Status, words: words{is: "of the host's queues"}}},
	children: []*spec{{name: "inbound", attrs: rates}, {name: "outbound", attrs: rates}},
}

var rates = []attrSpec{{name: "average", form: rate}, {name: "peak", form: rate}, {name: "burst", form: rate}, {name: "floor", form: rate}}

var virtualport = &spec{
	name: "virtualport", treat: Kept, words: words{is: noProfile},
	attrs: []attrSpec{{name: "type", form: oneOf("802.1Qbg", "802.1Qbh", "openvswitch", "midonet")}},
	children: []*spec{{name: "parameters", attrs: []attrSpec{
		{name: "managerid"}, {name: "typeid"}, {name: "typeidversion"}, {name: "instanceid", form: uuid}, {name: "profileid"}, {name: "interfaceid", form: uuid},
	}}},
}
