package cli

import (
	"strings"
	"testing"

	"ubridge/internal/api"
)

// What net info says of the way to guests depends on the mode.
func TestInfoByMode(t *testing.T) {
	for _, c := range []struct {
		info api.NetworkInfo
		want string // the lines from Uplink to Defined in
	}{
		{api.NetworkInfo{Network: api.Network{Mode: "isolated"}}, "Uplink="},
		{api.NetworkInfo{Network: api.Network{Mode: "host-only"}, IsolatedPorts: true}, "Uplink= Isolated ports=yes"},
		{api.NetworkInfo{Network: api.Network{Mode: "nat"}, Uplink: "eth0", UplinkAddr: "192.0.2.7"}, "Uplink=eth0 192.0.2.7"},
		{
			api.NetworkInfo{Network: api.Network{Mode: "route", Subnets: []string{"10.20.0.0/24"}}, Uplink: "eth0", UplinkAddr: "192.0.2.7"},
			"Uplink=eth0 192.0.2.7 Way in=routers outside need: 10.20.0.0/24 via 192.0.2.7",
		},
		{api.NetworkInfo{Network: api.Network{Mode: "open", Subnets: []string{"10.20.0.0/24"}}, Uplink: "eth9"}, "Uplink=eth9 Way in="},
	} {
		var got []string
		for _, line := range infoLines(c.info) {
			if line[0] == "Uplink" || line[0] == "Way in" || line[0] == "Isolated ports" {
				got = append(got, line[0]+"="+line[1])
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.info.Mode, got, c.want)
		}
	}
}
