package config

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPoolOfLibvirtsDefaultNetwork(t *testing.T) {
	pool := Default("default").Pool(netip.MustParsePrefix("192.168.122.1/24"))
	if len(pool) != 1 || pool[0].String() != "192.168.122.2-192.168.122.254" || pool[0].Size() != 253 {
		t.Errorf("got %v", pool)
	}
}

// The automatic pool holds each host address but the gateway's, once.
func TestPoolHoldsAllButTheGateway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.IntRange(18, 30).Draw(t, "bits")
		size := uint32(1) << (32 - bits)
		base := uint32(10<<24) + rapid.Uint32Range(0, 1000).Draw(t, "subnet")*size
		gateway := base + rapid.Uint32Range(1, size-2).Draw(t, "gateway")

		got := map[netip.Addr]bool{}
		for _, r := range Default("x").Pool(netip.PrefixFrom(addr(gateway), bits)) {
			for a := r.First; r.Contains(a); a = a.Next() {
				if got[a] {
					t.Fatalf("%v is there twice", a)
				}
				got[a] = true
			}
		}
		want := map[netip.Addr]bool{}
		for n := base + 1; n < base+size-1; n++ {
			if n != gateway {
				want[addr(n)] = true
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestPoolIsBounded(t *testing.T) {
	for _, address := range []string{"10.0.0.1/8", "10.0.5.0/8", "10.1.0.9/8", "10.255.255.254/8"} {
		total := 0
		for _, r := range Default("x").Pool(netip.MustParsePrefix(address)) {
			total += r.Size()
		}
		if total > MaxPool || total < MaxPool-1 {
			t.Errorf("%s: a pool of %d addresses", address, total)
		}
	}
}

func TestParseSubnet(t *testing.T) {
	tests := []struct{ in, want string }{
		{"192.168.50.0/24", "192.168.50.1/24"},
		{"192.168.50.254/24", "192.168.50.254/24"},
		{"10.0.0.0/8", "10.0.0.1/8"},
		{"192.168.50.255/24", ""}, {"192.168.50.0/31", ""}, {"192.168.50.0", ""}, {"fd00::/64", ""}, {"224.0.0.0/24", ""}, {"", ""},
	}
	for _, tt := range tests {
		got, err := ParseSubnet(tt.in)
		if (err == nil) != (tt.want != "") || err == nil && got.String() != tt.want {
			t.Errorf("%q: got %v, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}
