package config

import (
	"strings"
	"testing"
)

func parse(t *testing.T, name, doc string) Network {
	t.Helper()
	n, err := ParseNetwork(name, []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCheckAll(t *testing.T) {
	const a = "uuid='3e3fce454f534fa7bb3211f34168b82b'\naddress='10.1.0.1/16'\nbridge='ubr0'\nmac='52:54:00:00:00:01'\nports=['p0', 'p1']\n"
	tests := []struct{ name, doc, want string }{
		{"apart", "address='10.2.0.1/16'\nbridge='ubr1'\nports=['p2']\n", ""},
		{"automatic subnet", "", ""},
		{"subnet", "mtu=1500\naddress='10.1.9.1/24'\n", "b.toml:2: address: 10.1.9.0/24 overlaps 10.1.0.0/16 of network a (a.toml); use another subnet"},
		{"UUID", "uuid='3e3fce45-4f53-4fa7-bb32-11f34168b82b'\n", "b.toml:1: uuid: 3e3fce45-4f53-4fa7-bb32-11f34168b82b is the UUID of network a (a.toml); leave it out"},
		{"bridge", "bridge='ubr0'\n", "b.toml:1: bridge: ubr0 is the host port of network a (a.toml)"},
		{"MAC", "mac='52:54:00:00:00:01'\n", "b.toml:1: mac: 52:54:00:00:00:01 is the MAC of network a"},
		{"port", "ports=['x',\n'p1']\n", "b.toml:2: ports[1]: p1 belongs to network a (a.toml)"},
		{"bridge as port", "ports=['ubr0']\n", "ports[0]: ubr0 belongs to network a"},
		{"port as bridge", "bridge='p0'\n", "bridge: p0 is a port of network a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckAll([]Network{parse(t, "a", a), parse(t, "b", tt.doc)})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCheckAllRefusesANameInBothPlaces(t *testing.T) {
	admin, own := parse(t, "lab", ""), parse(t, "lab", "")
	admin.Origin.File, own.Origin.File = "/etc/ubridge/networks.d/lab.toml", "/var/lib/ubridge/networks/lab.toml"
	err := CheckAll([]Network{admin, own})
	want := "/var/lib/ubridge/networks/lab.toml:1: network lab is defined in /etc/ubridge/networks.d/lab.toml too; remove one of the two"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
