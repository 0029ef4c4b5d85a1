package config

import "testing"

// FuzzParseNetwork: no document crashes the parser, faults carry a reason, and
// what parses survives Marshal.
func FuzzParseNetwork(f *testing.F) {
	for _, seed := range []string{
		"", everyKey, "mode = 'isolated'", "address='10.0.0.1/8'", "[dhcp]\nhosts=[{mac='x'}]", "[[dns.hosts]]\n[[dns.hosts]]",
		"dhcp = []", "dhcp.hosts = [[{}]]", "a.b.c = {d = [1, {e = 2}]}", "mtu = 1e9", "mac = ''", "ports = ['\\u0000']",
		"address='0.0.0.0/0'", "address='192.168.0.1/30'\ndhcp.ranges=['192.168.0.2-192.168.0.2']", "[nat]\nports='-'",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		n, err := ParseNetwork("fuzz", doc)
		if err != nil {
			if err.Error() == "" {
				t.Error("a fault without words")
			}
			return
		}
		again, err := ParseNetwork("fuzz", n.Marshal())
		if err != nil {
			t.Fatalf("%v\n%s", err, n.Marshal())
		}
		if !n.Equal(again) {
			t.Fatalf("changed by writing:\n%+v\n%+v", n, again)
		}
	})
}
