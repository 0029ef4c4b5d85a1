package dnsmasq

import (
	"encoding/hex"
	"net"
	"net/netip"
	"regexp"
	"strings"

	"ubridge/internal/config"
)

var hardware = regexp.MustCompile(`^(?:[0-9a-fA-F]{1,2}-)?((?:[0-9a-fA-F]{1,2}|\*)(?::(?:[0-9a-fA-F]{1,2}|\*)){5})$`)

// host reads a dhcp-host, which is on the line of s: words in any order.
func (r *reader) host(s *setting, value string) {
	var h config.DHCPHost
	for _, w := range words(value) {
		if !r.hostWord(s, &h, w) {
			return
		}
	}
	n := r.nets[0]
	switch {
	case h.IP.IsValid() && (h.MAC != nil || h.ClientID != nil || h.Name != ""):
		if n = r.of(h.IP); n == nil {
			r.note(s, "", "%v is in no network of these", h.IP)
			return
		}
	case h.Name == "" || h.MAC == nil && h.ClientID == nil:
		r.note(s, "", "%s: it reserves neither an address nor a name for anybody", value)
		return
	}
	n.reserve(r, s, h)
}

// reserve adds a reservation that does not clash with an earlier one.
func (n *served) reserve(r *reader, s *setting, h config.DHCPHost) {
	for _, o := range n.DHCP.Hosts {
		if o.IP == h.IP && h.IP.IsValid() || o.Name == h.Name && h.Name != "" || h.MAC != nil && o.MAC.String() == h.MAC.String() {
			r.plan.Note(s.at(n.Name), s.key, "give each guest an address and a name of its own", "%s: an earlier dhcp-host has the same MAC, address or name", s.value)
			return
		}
	}
	n.DHCP.Hosts = append(n.DHCP.Hosts, h)
}

// hostWord reads one word of a dhcp-host; false leaves the host out.
func (r *reader) hostWord(s *setting, h *config.DHCPHost, w string) bool {
	a, errAddr := netip.ParseAddr(w)
	lease, isLease := leaseTime(w)
	switch {
	case w == "":
	case w == "ignore":
		r.note(s, "", "%s: ubridge serves every guest that is connected", s.value)
		return false
	case tagged(w):
		r.note(s, "", "%s: tags are not carried over", w)
	case w == "id:*":
		// the MAC alone tells the guest, as it does here where no id is given
	case strings.HasPrefix(w, "id:"):
		if h.ClientID = clientID(w[3:]); len(h.ClientID) < 2 || len(h.ClientID) > 255 {
			r.note(s, "", "%s is no client identifier", w)
			return false
		}
	case strings.HasPrefix(w, "["):
		r.note(s, "", "%s: networks of ubridge have IPv4 only so far", w)
	case hardware.MatchString(w):
		return r.hostMAC(s, h, w)
	case errAddr == nil && a.Is4():
		h.IP = a
	case isLease:
		h.LeaseTime = max(lease, config.MinLeaseTime) // as dnsmasq
	default:
		h.Name = strings.ToLower(strings.TrimSuffix(w, "."))
		h.Name, _, _ = strings.Cut(h.Name, ".")
	}
	return true
}

func (r *reader) hostMAC(s *setting, h *config.DHCPHost, w string) bool {
	m, err := net.ParseMAC(padded(hardware.FindStringSubmatch(w)[1]))
	switch {
	case err != nil:
		r.note(s, "name each guest", "%s: MACs with * are not carried over", w)
		return false
	case m[0]&1 != 0:
		r.note(s, "", "%s is no station's address but a group's", w)
		return false
	case h.MAC != nil:
		r.note(s, "reserve another address for it", "%s: a second MAC for one address is not carried over", w)
		return true
	}
	h.MAC = m
	return true
}

// padded writes each octet with two digits, as dnsmasq does not ask for.
func padded(mac string) string {
	parts := strings.Split(mac, ":")
	for i, p := range parts {
		if len(p) == 1 {
			parts[i] = "0" + p
		}
	}
	return strings.Join(parts, ":")
}

// clientID reads octets with colons, or else takes the text's own.
func clientID(text string) []byte {
	if id, err := hex.DecodeString(strings.ReplaceAll(padded(text), ":", "")); err == nil && strings.Contains(text, ":") {
		return id
	}
	return []byte(text)
}

// hostsFile reads dhcp-hostsfile or dhcp-hostsdir: what would stand behind
// dhcp-host=, one on a line.
func (r *reader) hostsFile(s *setting) {
	list := []string{s.value}
	if inside := r.files.List(s.value); len(inside) > 0 {
		list = inside
	}
	r.lines(s, list, func(at *setting, line string) { r.host(at, line) })
}

// ethers reads /etc/ethers: MAC ADDRESS or MAC NAME.
func (r *reader) ethers(s *setting) {
	r.lines(s, []string{"/etc/ethers"}, func(at *setting, line string) {
		r.host(at, strings.Join(strings.Fields(line), ","))
	})
}

// lines gives each line of some files that says something.
func (r *reader) lines(s *setting, files []string, each func(at *setting, line string)) {
	for _, file := range files {
		text, err := r.files.Read(file)
		if err != nil {
			r.note(s, "", "%v", err)
			continue
		}
		for i, line := range strings.Split(strings.ToValidUTF8(string(text), "?"), "\n") {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line != "" {
				each(&setting{s.key, line, file, i + 1}, line)
			}
		}
	}
}
