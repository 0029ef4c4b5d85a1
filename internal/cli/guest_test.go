package cli

import (
	"bytes"
	"encoding/xml"
	"regexp"
	"strings"
	"testing"
)

func TestGuestMACIsStableAndOneStation(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{"vnet0", "vnet1", "tap0", "a"} {
		mac := GuestMAC(name)
		if mac != GuestMAC(name) || seen[mac] || !regexp.MustCompile(`^52:54:00(:[0-9a-f]{2}){3}$`).MatchString(mac) {
			t.Errorf("%s: %s", name, mac)
		}
		seen[mac] = true
	}
}

// A device may have a name that means something to QEMU or XML.
func TestOddDeviceNames(t *testing.T) {
	args := strings.Join(QEMUArgs("a,b'<ü", GuestMAC("a,b'<ü"), 1), " ")
	if !strings.Contains(args, "id=net-a-b---,ifname=a,,b'<ü,script=no") {
		t.Error(args)
	}
	var v struct {
		Target struct {
			Dev string `xml:"dev,attr"`
		} `xml:"target"`
	}
	if err := xml.Unmarshal([]byte(LibvirtXML("a,b'<ü", "52:54:00:00:00:01", 2)), &v); err != nil || v.Target.Dev != "a,b'<ü" {
		t.Errorf("%v: %+v", err, v)
	}
}

// A guest's host name does not reach the terminal as an escape sequence.
func TestTableMakesTextHarmless(t *testing.T) {
	var out bytes.Buffer
	tab := newTable(&out, "Hostname", "State")
	tab.add("\x1b[2Jevil\n", "up")
	tab.add("", "ü")
	if err := tab.print(); err != nil {
		t.Fatal(err)
	}
	want := " Hostname    State\n--------------------\n ?[2Jevil?   up\n -           ü\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestColourOnlyForStates(t *testing.T) {
	if paint("up", true) != "\x1b[32mup\x1b[0m" || paint("up", false) != "up" || paint("vnet0", true) != "vnet0" {
		t.Error("states are not painted, or others are")
	}
	if colours(&bytes.Buffer{}) {
		t.Error("colour without a terminal")
	}
}
