package dnsmasq

import (
	"net/netip"
	"os"
	"regexp"
	"testing"
	"testing/fstest"

	"ubridge/internal/config"
	"ubridge/internal/importer"
	"ubridge/internal/importer/importertest"
)

// read is given the bridges that interfaces would have.
func read(files *importer.Files) (importer.Plan, error) {
	route := config.DefaultIn("br7", config.ModeRoute)
	route.Bridge, route.Address = "br7", netip.MustParsePrefix("10.7.0.254/16")
	lan := config.DefaultIn("br8", config.ModeBridge)
	lan.Uplink = "eth0"
	return Read(files, DefaultFile, []importer.Network{{Network: route, Edit: "take br7 out\n"}, {Network: lan}})
}

func TestCases(t *testing.T) { importertest.Run(t, read) }

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"dhcp-range=10.0.0.1,10.0.0.9,1", "dhcp-range=,", "dhcp-range=1.1.1.1\ndhcp-host=,\nserver=/\naddress=/", "conf-dir=/etc\nconf-file=/etc/dnsmasq.conf"} {
		f.Add([]byte(seed))
	}
	importertest.Fuzz(f, "etc/dnsmasq.conf", read)
}

func FuzzLeases(f *testing.F) {
	f.Add([]byte("1800000000 52:54:00:00:00:01 10.0.0.2 web 01:52:54:00:00:00:01\nduid 00:01\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		importertest.Text(t, read, fstest.MapFS{
			"etc/dnsmasq.conf": {Data: []byte("dhcp-range=10.0.0.2,10.0.0.9")}, "var/lib/misc/dnsmasq.leases": {Data: text},
		})
	})
}

// Debian's example holds every setting that dnsmasq's author thought of: with all
// of them switched on, none is unknown.
func TestExampleOfThePackage(t *testing.T) {
	text, err := os.ReadFile("/usr/share/doc/dnsmasq-base/examples/dnsmasq.conf.example")
	if err != nil {
		t.Skipf("dnsmasq-base is installed without its documentation: %v", err)
	}
	text = regexp.MustCompile(`(?m)^#([a-z0-9-]+(=|$))`).ReplaceAll(text, []byte("$1"))
	text = regexp.MustCompile(`(?m)^conf-(file|dir)=.*$`).ReplaceAll(text, nil)
	plan, err := read(importer.NewFiles(fstest.MapFS{"etc/dnsmasq.conf": {Data: text}}))
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Networks) == 0 {
		t.Errorf("no networks:\n%s", plan.Text())
	}
	for _, n := range plan.Notes {
		if n.Reason == "not known to this importer" {
			t.Error(n)
		}
	}
}

func TestLeaseTime(t *testing.T) {
	for in, want := range map[string]string{"12h": "12h0m0s", "45": "45s", "2d": "48h0m0s", "1w": "168h0m0s", "infinite": config.InfiniteLease.String(), "7M": "7m0s"} {
		if d, ok := leaseTime(in); !ok || d.String() != want {
			t.Errorf("%s: %v %v", in, d, ok)
		}
	}
	for _, in := range []string{"", "h", "12x", "-1h", "1h30m", "0x10", "99999999999"} {
		if d, ok := leaseTime(in); ok {
			t.Errorf("%s is taken for %v", in, d)
		}
	}
}
