package config

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"unicode"
)

const (
	maxDevice  = 15  // IFNAMSIZ less the final zero (linux/if.h)
	maxNetwork = 64  // the name is also the name of files
	maxLabel   = 63  // RFC 1035 §2.3.4
	maxDomain  = 253 // RFC 1035 §2.3.4, as text
)

// CheckName reports why name cannot name a network: letters, digits, '.', '_'
// and '-', a letter or digit first, at most 64 of them. A name that ends like a
// file (.toml, .xml) is refused, since commands take either.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the name is empty")
	case len(name) > maxNetwork:
		return fmt.Errorf("the name is longer than %d characters", maxNetwork)
	case !alphanumeric(name[0]):
		return fmt.Errorf("the name %q does not begin with a letter or a digit", name)
	case strings.HasSuffix(name, ".toml") || strings.HasSuffix(name, ".xml"):
		return fmt.Errorf("the name %q looks like a file", name)
	}
	for i := range len(name) {
		if c := name[i]; !alphanumeric(c) && !strings.ContainsRune("._-", rune(c)) {
			return fmt.Errorf("the name %q holds %q; use letters, digits, '.', '_' and '-'", name, c)
		}
	}
	return nil
}

// CheckDevice reports why name cannot name a network device, by the rules of
// dev_valid_name (net/core/dev.c); '%', which the kernel takes for a template,
// is refused as well.
func CheckDevice(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the device name is empty")
	case len(name) > maxDevice:
		return fmt.Errorf("the device name %q is longer than %d characters", name, maxDevice)
	case name == "." || name == "..":
		return fmt.Errorf("%q is no device name", name)
	}
	for _, r := range name {
		if r == '/' || r == ':' || r == '%' || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return fmt.Errorf("the device name %q holds %q", name, r)
		}
	}
	return nil
}

// CheckMAC reports why text is not the MAC of one station.
func CheckMAC(text string) error {
	m, err := net.ParseMAC(text)
	if err != nil || len(m) != 6 || m[0]&1 != 0 || slices.Max(m) == 0 {
		return fmt.Errorf("%q is not the address of one station; %s", text, exampleMAC)
	}
	return nil
}

// checkDomain reports why s is no domain name: labels of letters, digits and
// '-' (RFC 1123 §2.1), 63 characters each, 253 together. Underscores are taken
// too: guests use them.
func checkDomain(s string) error {
	if len(s) > maxDomain {
		return fmt.Errorf("longer than %d characters", maxDomain)
	}
	for label := range strings.SplitSeq(s, ".") {
		if err := checkLabel(label); err != nil {
			return err
		}
	}
	return nil
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return fmt.Errorf("an empty label")
	case len(label) > maxLabel:
		return fmt.Errorf("the label %q is longer than %d characters", label, maxLabel)
	case label[0] == '-' || label[len(label)-1] == '-':
		return fmt.Errorf("the label %q begins or ends with '-'", label)
	}
	for i := range len(label) {
		if c := label[i]; !alphanumeric(c) && c != '-' && c != '_' {
			return fmt.Errorf("the label %q holds %q", label, c)
		}
	}
	return nil
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
