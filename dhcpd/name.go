package dhcpd

import "strings"

// maxLabel is the longest DNS label, in bytes (RFC 1035 §2.3.4).
const maxLabel = 63

// Names that mean something to resolvers everywhere. A guest that got one
// could answer for the others: proxy discovery asks for wpad, IPv6 tunnels for
// isatap, and fresh disk images call themselves localhost.
var refusedNames = map[string]bool{"localhost": true, "wpad": true, "isatap": true}

// Hostname turns what a client sent as its name (option 12) into the DNS label
// it is known by: the part before the first dot, in lower case. It reports
// false if that is not a label of letters, digits, and inner hyphens or
// underscores, or is a name that no guest may have.
func Hostname(sent string) (string, bool) {
	label, _, _ := strings.Cut(strings.TrimRight(sent, "\x00"), ".")
	label = strings.ToLower(label)
	if !validLabel(label) || refusedNames[label] {
		return "", false
	}
	return label, true
}

// validLabel takes lower-case letters, digits, hyphens and, as dnsmasq does,
// underscores; the last two not at the ends.
func validLabel(s string) bool {
	if len(s) == 0 || len(s) > maxLabel {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		inner := (c == '-' || c == '_') && i > 0 && i < len(s)-1
		if !alnum && !inner {
			return false
		}
	}
	return true
}

// validDomain takes the empty name too.
func validDomain(s string) bool {
	if s == "" {
		return true
	}
	for label := range strings.SplitSeq(strings.ToLower(s), ".") {
		if !validLabel(label) {
			return false
		}
	}
	return len(s) <= maxDomain
}
