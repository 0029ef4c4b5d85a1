package dnsmasq

// carry takes one setting into the networks, or notes it.
func (r *reader) carry(s *setting) {
	switch s.key {
	case "dhcp-range", "dhcp-leasefile", "interface", "listen-address", "port": // read elsewhere
	case "dhcp-host":
		r.host(s, s.value)
	case "dhcp-hostsfile", "dhcp-hostsdir":
		r.hostsFile(s)
	case "read-ethers":
		r.ethers(s)
	case "dhcp-option", "dhcp-option-force":
		r.option(s)
	case "domain":
		r.domain(s)
	case "local", "server":
		r.server(s)
	case "address":
		r.address(s)
	case "host-record":
		r.hostRecord(s)
	case "addn-hosts", "hostsdir":
		r.hostsOf(s, s.value)
	case "no-resolv":
		if !r.asks() {
			r.note(s, "list resolvers in dns.upstreams", "no resolver is named here, so guests' names are forwarded to the host's")
		}
	case "txt-record":
		r.text(s)
	case "srv-host":
		r.service(s)
	case "dhcp-boot":
		r.boot(s)
	case "domain-needed":
		for _, n := range r.nets {
			n.DNS.LocalPlain = true
		}
	default:
		r.rest(s)
	}
}

// rest notes a setting that has no counterpart.
func (r *reader) rest(s *setting) {
	if meant[s.key] {
		return
	}
	for _, group := range reasons {
		for _, key := range group.keys {
			if key == s.key {
				r.note(s, group.fix, "%s", group.reason)
				return
			}
		}
	}
	r.note(s, "", "not known to this importer")
}

// meant are settings that ubridge does as they ask, or that only say which
// sockets of the host dnsmasq opens: ubridge opens none.
var meant = map[string]bool{
	"dhcp-authoritative": true, "expand-hosts": true, "strict-order": true, "dhcp-no-override": true,
	"bind-interfaces": true, "bind-dynamic": true, "except-interface": true, "no-dhcp-interface": true,
	"no-hosts": true,
}

// reasons are why settings are not carried over.
var reasons = []struct {
	reason, fix string
	keys        []string
}{
	{"it is about dnsmasq's own process", "", []string{
		"user", "group", "pid-file", "keep-in-foreground", "no-daemon", "log-facility", "log-queries", "log-dhcp", "log-async",
		"log-debug", "enable-dbus", "enable-ubus", "conf-script", "dhcp-script", "dhcp-luascript", "dhcp-scriptuser", "script-arp", "leasefile-ro", "no-ident",
		"dumpfile", "dumpmask", "min-port", "max-port", "query-port", "local-service", "localise-queries",
	}},
	{"ubridge's cache goes by the records' own times", "", []string{
		"cache-size", "neg-ttl", "no-negcache", "local-ttl", "max-ttl", "max-cache-ttl", "min-cache-ttl", "dhcp-ttl", "auth-ttl", "use-stale-cache",
	}},
	{"ubridge passes queries and answers on as they are", "let the upstream resolver do it", []string{
		"bogus-priv", "bogus-nxdomain", "ignore-address", "filterwin2k", "filter-A", "filter-AAAA", "filter-rr", "stop-dns-rebind",
		"rebind-localhost-ok", "rebind-domain-ok", "alias", "add-mac", "add-subnet", "add-cpe-id", "strip-mac", "strip-subnet", "umbrella", "edns-packet-max",
		"dns-forward-max", "dns-loop-detect", "proxy-dnssec", "ipset", "nftset", "connmark-allowlist-enable", "connmark-allowlist",
	}},
	{"ubridge does not validate DNSSEC", "let the upstream resolver do it", []string{
		"dnssec", "dnssec-check-unsigned", "dnssec-no-timecheck", "dnssec-timestamp", "dnssec-debug", "trust-anchor",
	}},
	{"guests' names are forwarded to the host's resolvers, in their order", "list others in dns.upstreams", []string{
		"resolv-file", "no-poll", "all-servers", "clear-on-reload", "servers-file", "rev-server", "fast-dns-retry",
	}},
	{"ubridge has no records of this kind", "keep the record in an upstream resolver", []string{
		"cname", "mx-host", "mx-target", "selfmx", "localmx", "ptr-record", "naptr-record", "caa-record", "dns-rr",
		"synth-domain", "interface-name", "dynamic-host", "dhcp-fqdn", "dhcp-generate-names",
		"auth-server", "auth-zone", "auth-soa", "auth-sec-servers", "auth-peer",
	}},
	{"ubridge names one file to boot, and serves none", "run a TFTP server beside it", []string{
		"pxe-prompt", "pxe-service", "enable-tftp", "tftp-root", "tftp-no-fail", "tftp-unique-root", "tftp-secure", "tftp-lowercase",
		"tftp-mtu", "tftp-max", "tftp-no-blocksize", "tftp-port-range", "tftp-single-port",
	}},
	{"tags are not carried over", "make reservations for the guests that are meant", []string{
		"dhcp-vendorclass", "dhcp-userclass", "dhcp-mac", "dhcp-circuitid", "dhcp-remoteid", "dhcp-subscrid", "dhcp-match", "dhcp-name-match",
		"tag-if", "dhcp-ignore", "dhcp-ignore-names", "dhcp-broadcast", "dhcp-optsfile", "dhcp-optsdir", "dhcp-option-pxe",
	}},
	{"networks of ubridge have IPv4 only so far", "", []string{
		"enable-ra", "ra-param", "quiet-ra", "quiet-dhcp6", "dhcp-duid", "dhcp-prefix-class",
	}},
	{"ubridge has nothing like it", "", []string{
		"dhcp-relay", "dhcp-proxy", "dhcp-alternate-port", "bridge-interface", "shared-network", "bootp-dynamic", "no-ping", "dhcp-rapid-commit",
		"dhcp-sequential-ip", "dhcp-ignore-clid", "dhcp-client-update", "dhcp-pxe-vendor", "quiet-dhcp", "quiet-tftp", "dhcp-reply-delay",
	}},
	{"the pool's size is the limit", "", []string{"dhcp-lease-max"}},
}
