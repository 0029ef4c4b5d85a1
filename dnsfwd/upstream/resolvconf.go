package upstream

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
)

// dnsPort is the port of every nameserver line (RFC 1035 §4.2).
const dnsPort = 53

// ParseResolvConf reads resolv.conf(5): the name servers in order without
// doubles, and the search list of the last search or domain line. As glibc
// does, it passes over lines and addresses that it does not understand; the
// error is that of reading. IPv6 addresses may have a zone.
func ParseResolvConf(r io.Reader) (servers []netip.AddrPort, search []string, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		switch fields[0] { // a comment's first field begins with # or ;
		case "nameserver":
			servers = appendServer(servers, fields[1])
		case "search":
			search = searchList(fields[1:])
		case "domain":
			search = searchList(fields[1:2])
		}
	}
	if err := lines.Err(); err != nil {
		return nil, nil, fmt.Errorf("read resolver configuration: %w", err)
	}
	return servers, search, nil
}

func appendServer(servers []netip.AddrPort, s string) []netip.AddrPort {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return servers
	}
	server := netip.AddrPortFrom(addr.Unmap(), dnsPort)
	if slices.Contains(servers, server) {
		return servers
	}
	return append(servers, server)
}

// searchList returns the domains without their final dots; the root, which
// systemd writes to say that there is none, is left out.
func searchList(fields []string) []string {
	var list []string
	for _, f := range fields {
		if f = strings.TrimSuffix(f, "."); f != "" {
			list = append(list, f)
		}
	}
	return list
}
