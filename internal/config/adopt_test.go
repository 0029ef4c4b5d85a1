package config

import (
	"net"
	"strings"
	"testing"
)

func TestAdoptMatches(t *testing.T) {
	n, err := ParseNetwork("lab", []byte(`adopt = ["vnet*", "veth:lxc[0-9]*", "tap:exact"]
adopt_macs = ["52:54:00:12:34:56", "fe:00:00:00:00:01"]`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind, name string
		want       bool
	}{
		{"tap", "vnet0", true}, {"veth", "vnet0", false}, {"tap", "xvnet0", false}, {"tun", "vnet0", false},
		{"veth", "lxc7a", true}, {"tap", "lxc7a", false}, {"veth", "lxca", false}, {"tap", "exact", true},
	} {
		if got := n.Adopt.HasDevice(c.kind, c.name); got != c.want {
			t.Errorf("%s %s: adopted %v", c.kind, c.name, got)
		}
	}
	for mac, want := range map[string]bool{
		"fe:54:00:12:34:56": true, "52:54:00:12:34:56": false, "fa:00:00:00:00:01": true, "fe:00:00:00:00:01": false,
	} {
		m, err := net.ParseMAC(mac)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.Adopt.HasMAC(m); got != want {
			t.Errorf("tap %s: adopted %v", mac, got)
		}
	}
	if n.Adopt.HasMAC(nil) {
		t.Error("a device without an address is adopted")
	}
}

func TestAdoptIsChecked(t *testing.T) {
	for doc, word := range map[string]string{
		`adopt = ["*"]`:                        "wildcard",
		`adopt = ["?net"]`:                     "wildcard",
		`adopt = [""]`:                         "empty",
		`adopt = ["vnet["]`:                    "no pattern",
		`adopt = ["a/b"]`:                      "no pattern",
		`adopt = ["bridge:br*"]`:               `"bridge"`,
		`adopt = ["vnet*", "tap:vnet*"]`:       "twice",
		`adopt_macs = ["x"]`:                   "no MAC",
		`adopt_macs = ["01:00:00:00:00:00"]`:   "one station",
		"adopt_macs = [\"52:54:00:1:2:3\"]":    "no MAC",
		`adopt_macs = ["00-00-00-00-00-00"]`:   "one station",
		`adopt_macs = ["52:54:00:12:34:56:7"]`: "no MAC",
	} {
		_, err := ParseNetwork("lab", []byte(doc))
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v, want %q", doc, err, word)
		}
	}
}

func TestTwoNetworksDoNotAdoptTheSame(t *testing.T) {
	one, two := Default("one"), Default("two")
	one.Adopt = Adopt{Devices: []DevicePattern{{KindTap, "vnet*"}}, MACs: []net.HardwareAddr{{0x52, 0, 0, 0, 0, 1}}}
	two.Adopt = Adopt{Devices: []DevicePattern{{KindTap, "vnet1*"}}}
	if err := CheckAll([]Network{one, two}); err != nil {
		t.Errorf("patterns that overlap: %v", err)
	}
	two.Adopt = one.Adopt
	err := CheckAll([]Network{one, two})
	if err == nil || !strings.Contains(err.Error(), "adopts vnet* too") || !strings.Contains(err.Error(), "52:00:00:00:00:01 too") {
		t.Errorf("the same pattern and MAC: %v", err)
	}
}
