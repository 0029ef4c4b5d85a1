package dnsmasq

import (
	"net/netip"
	"strconv"
	"strings"

	"ubridge/internal/config"
)

// text is txt-record=NAME[,TEXT…].
func (r *reader) text(s *setting) {
	name, value, _ := strings.Cut(s.value, ",")
	for _, n := range r.nets {
		n.DNS.Texts = append(n.DNS.Texts, config.DNSText{Name: canonical(strings.TrimSpace(name)), Value: strings.TrimSpace(value)})
	}
	if strings.Contains(value, ",") {
		r.note(s, "", "the text is one string, commas and all")
	}
}

// service is srv-host=_SERVICE._PROTOCOL[.DOMAIN][,TARGET[,PORT[,PRIORITY[,WEIGHT]]]].
func (r *reader) service(s *setting) {
	list := words(s.value)
	parts := strings.SplitN(list[0], ".", 3)
	if len(parts) < 2 || !strings.HasPrefix(parts[0], "_") || !strings.HasPrefix(parts[1], "_") {
		r.note(s, "", "%s is no name of a service", list[0])
		return
	}
	v := config.DNSService{Service: parts[0][1:], Protocol: parts[1][1:]}
	if len(parts) > 2 {
		v.Domain = canonical(parts[2])
	}
	if len(list) > 1 && list[1] != "." {
		v.Target = canonical(list[1])
	}
	if v.Target != "" {
		v.Port = 1 // as dnsmasq, where none is given
		for i, to := range []*uint16{&v.Port, &v.Priority, &v.Weight} {
			if i+2 < len(list) {
				number, err := strconv.ParseUint(list[i+2], 10, 16)
				if err != nil {
					r.note(s, "", "%q is no number", list[i+2])
					return
				}
				*to = uint16(number)
			}
		}
	}
	for _, n := range r.nets {
		n.DNS.Services = append(n.DNS.Services, v)
	}
}

// boot is dhcp-boot=[TAG…,]FILE[,NAME[,ADDRESS]].
func (r *reader) boot(s *setting) {
	list := words(s.value)
	if tagged(list[0]) || len(list) > 1 && strings.HasPrefix(list[1], "tag:") {
		r.note(s, "", "%s: one file is named to all guests, not one to those with a tag", s.value)
		return
	}
	var server netip.Addr
	if len(list) > 2 && list[2] != "" {
		a, err := netip.ParseAddr(list[2])
		if err != nil || !a.Is4() {
			r.note(s, "set dhcp.boot_server", "%q is no IPv4 address", list[2])
			return
		}
		server = a
	}
	for _, n := range r.nets {
		n.DHCP.BootFile, n.DHCP.BootServer = list[0], server
	}
}
