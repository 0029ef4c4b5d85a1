package upstream

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestParseResolvConf(t *testing.T) {
	tests := []struct {
		name, in string
		servers  []string
		search   []string
	}{
		{"empty", "", nil, nil},
		{"stub", "# by systemd\nnameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n", []string{"127.0.0.53:53"}, nil},
		{"several", "nameserver 192.0.2.1\nnameserver\t192.0.2.2\nnameserver 192.0.2.1", []string{"192.0.2.1:53", "192.0.2.2:53"}, nil},
		{"IPv6", "nameserver fe80::1%eth0\nnameserver 2001:db8::1\n", []string{"[fe80::1%eth0]:53", "[2001:db8::1]:53"}, nil},
		{"mapped", "nameserver ::ffff:192.0.2.1\n", []string{"192.0.2.1:53"}, nil},
		{"comments", "#nameserver 192.0.2.1\n; nameserver 192.0.2.2\nnameserver 192.0.2.3 # home\n", []string{"192.0.2.3:53"}, nil},
		{"rubbish", "nameserver\nnameserver example.com\nnameserver 1.2.3\nnameservers 192.0.2.1\n\x00\n", nil, nil},
		{"search", "domain a.example\nsearch b.example c.example.\n", nil, []string{"b.example", "c.example"}},
		{"last wins", "search b.example\ndomain a.example x.example\n", nil, []string{"a.example"}},
		{"CRLF", "nameserver 192.0.2.1\r\n", []string{"192.0.2.1:53"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			servers, search, err := ParseResolvConf(strings.NewReader(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range servers {
				got = append(got, s.String())
			}
			if diff := cmp.Diff(tt.servers, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.search, search); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseResolvConfReadError(t *testing.T) {
	broken := errors.New("disk on fire")
	if _, _, err := ParseResolvConf(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if _, _, err := ParseResolvConf(strings.NewReader(strings.Repeat("x", 1<<17))); err == nil {
		t.Error("a line of 128 KiB is read")
	}
}

// FuzzParseResolvConf holds that what was read can be written and read again.
func FuzzParseResolvConf(f *testing.F) {
	f.Add("nameserver 127.0.0.53\noptions edns0\nsearch a.example b.example\n")
	f.Add("nameserver fe80::1%eth0\n;x\ndomain .\n")
	f.Add("nameserver ::ffff:1.2.3.4%1\nsearch\n")
	f.Fuzz(func(t *testing.T, in string) {
		servers, search, err := ParseResolvConf(strings.NewReader(in))
		if err != nil {
			return
		}
		var out strings.Builder
		for _, s := range servers {
			if !s.IsValid() || s.Port() != dnsPort || s.Addr() != s.Addr().Unmap() {
				t.Fatalf("server %v", s)
			}
			out.WriteString("nameserver " + s.Addr().String() + "\n")
		}
		out.WriteString("search " + strings.Join(search, " ") + "\n")
		again, _, err := ParseResolvConf(strings.NewReader(out.String()))
		if diff := cmp.Diff(servers, again, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" || err != nil {
			t.Fatalf("%v %s", err, diff)
		}
	})
}
