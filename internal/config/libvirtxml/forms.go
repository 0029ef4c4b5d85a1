package libvirtxml

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// form says what is wrong with a value, and the fix; an empty reason is nothing.
// The forms take what libvirt takes.
type form func(value string) (reason, fix string)

func anyText(string) (reason, fix string) { return "", "" }

func filled(v string) (reason, fix string) {
	if blank(v) {
		return "it is empty", "fill it in, or leave it out"
	}
	return "", ""
}

func oneLine(v string) (reason, fix string) {
	if strings.Contains(v, "\n") {
		return "it has more than one line", "use <description> for long texts"
	}
	return "", ""
}

func oneOf(words ...string) form {
	return func(v string) (reason, fix string) {
		for _, w := range words {
			if v == w {
				return "", ""
			}
		}
		return fmt.Sprintf("there is no %q here", v), "use " + strings.Join(words, ", ")
	}
}

var (
	yesNo  = oneOf("yes", "no")
	onOff  = oneOf("on", "off")
	family = oneOf("ipv4", "ipv6")
)

// upTo is a whole number from 0 on.
func upTo(highest uint64) form {
	return func(v string) (reason, fix string) {
		if n, err := strconv.ParseUint(v, 10, 64); err != nil || n > highest {
			return fmt.Sprintf("%q is no number from 0 to %d", v, highest), "write such a number"
		}
		return "", ""
	}
}

func port(v string) (reason, fix string) {
	if n, err := strconv.ParseUint(v, 10, 16); err != nil || n == 0 {
		return fmt.Sprintf("%q is no port", v), "use 1 to 65535"
	}
	return "", ""
}

// rate is in KiB or KiB/s (virNetDevBandwidthParseRate).
func rate(v string) (reason, fix string) {
	if n, err := strconv.ParseUint(v, 10, 64); err != nil || n == 0 {
		return fmt.Sprintf("%q is no rate", v), "write a whole number of KiB/s from 1 on"
	}
	return "", ""
}

// A mode is one that ubridge has, or libvirt has and the reason is given why not.
func mode(v string) (reason, fix string) {
	switch v {
	case "nat", "route", "open", "bridge":
		return "", ""
	case "private", "vepa", "passthrough":
		return fmt.Sprintf("mode %s is one of macvtap devices, which are not carried", v), useBridge
	case "hostdev":
		return noSRIOV, useBridge
	}
	return fmt.Sprintf("there is no mode %q", v), "use nat, route, open or bridge, or leave <forward> out for an isolated network"
}

func mac(v string) (reason, fix string) {
	m, err := net.ParseMAC(v)
	switch {
	case err != nil || len(m) != 6:
		return fmt.Sprintf("%q is no MAC address", v), "write it as 52:54:00:12:34:56"
	case m[0]&1 != 0:
		return fmt.Sprintf("%v is the address of a group", m), "give that of one station: the first octet is even"
	}
	return "", ""
}

func address(v string) (reason, fix string) {
	if a, err := netip.ParseAddr(v); err != nil || a.Zone() != "" {
		return fmt.Sprintf("%q is no IP address", v), "write it as 192.168.50.1"
	}
	return "", ""
}

func netmask(v string) (reason, fix string) {
	if _, err := maskBits(v); err != nil {
		return err.Error(), "write it as 255.255.255.0, or use prefix='24'"
	}
	return "", ""
}

// maskBits is the prefix length of a netmask.
func maskBits(v string) (int, error) {
	a, err := netip.ParseAddr(v)
	if err != nil || !a.Is4() {
		return 0, fmt.Errorf("%q is no netmask", v)
	}
	bits, size := net.IPMask(a.AsSlice()).Size()
	if size == 0 {
		return 0, fmt.Errorf("the ones and zeros of the netmask %s are mixed", v)
	}
	return bits, nil
}

// uuid is what virUUIDParse takes: 32 hexadecimal digits, dashes between them.
func uuid(v string) (reason, fix string) {
	if _, err := CanonicalUUID(v); err != nil {
		return err.Error(), "write it as `uuidgen` does, or leave it out"
	}
	return "", ""
}

// CanonicalUUID writes a UUID in lower case and in groups of 8, 4, 4, 4 and 12
// (RFC 9562 §4), as libvirt does.
func CanonicalUUID(v string) (string, error) {
	digits := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(v), "-", ""))
	if len(digits) != 32 || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%q is no UUID", v)
	}
	return strings.Join([]string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}, "-"), nil
}

// RandomUUID writes random bits as a UUID of version 4 (RFC 9562 §5.4).
func RandomUUID(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	id, _ := CanonicalUUID(hex.EncodeToString(b[:])) // 32 hexadecimal digits are one
	return id
}

func device(v string) (reason, fix string) {
	if strings.Contains(v, "%") {
		return fmt.Sprintf("%q is a pattern for a name", v), "give the whole name; for a bridge, or none: the next free one is taken"
	}
	return filled(v)
}

func zone(v string) (reason, fix string) {
	if v == "" || strings.Trim(v, letters+"_-") != "" {
		return fmt.Sprintf("%q is no name of a zone", v), "use letters, digits, '_' and '-'"
	}
	return "", ""
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// duid is the identifier of a DHCPv6 client.
func duid(v string) (reason, fix string) {
	if v == "" || strings.Trim(v, "0123456789abcdefABCDEF:") != "" {
		return fmt.Sprintf("%q is no DUID", v), "write its octets as 00:03:00:01:52:54:00:12:34:56"
	}
	return "", ""
}

// The characters of SRV and TXT names are those that libvirt takes (SERVICE_CHARS
// and PROTOCOL_CHARS in src/conf/network_conf.c).
func service(v string) (reason, fix string) {
	if v == "" || len(v) > 512 || strings.Trim(v, letters+"_-+/*") != "" {
		return fmt.Sprintf("%q is no name of a service", v), "use letters, digits and _-+/*, 512 at most"
	}
	return "", ""
}

func protocol(v string) (reason, fix string) {
	if v == "" || strings.Trim(v, letters+"-+/") != "" {
		return fmt.Sprintf("%q is no name of a protocol", v), "use tcp or udp"
	}
	return "", ""
}

func txtName(v string) (reason, fix string) {
	if v == "" || strings.ContainsAny(v, " ,") {
		return fmt.Sprintf("%q is no name of a TXT record", v), "use no spaces and commas"
	}
	return "", ""
}
