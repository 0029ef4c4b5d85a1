package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Two definitions are equal where their keys are, and what differs can be taken
// over key by key.
func TestKeysAreTheWholeDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawNetwork(t), drawNetwork(t)
		b.Name = a.Name
		var differ []string
		of := b.Keys()
		for i, k := range a.Keys() {
			if !reflect.DeepEqual(k, of[i]) {
				differ = append(differ, k.Name)
			}
		}
		if a.Equal(b) != (len(differ) == 0) {
			t.Fatalf("equal: %v, different keys: %v", a.Equal(b), differ)
		}
		got, err := a.Take(b, differ...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, got, equal); diff != "" || !got.Equal(b) {
			t.Fatal(diff)
		}
	})
}

func TestSet(t *testing.T) {
	n := Default("lab")
	for _, kv := range [][2]string{
		{"mtu", "9000"}, {"domain", "Lab.Example."}, {"ports", "vnet1, vnet2"}, {"address", "10.0.0.1/24"},
		{"dhcp.ranges", "10.0.0.2-10.0.0.9,10.0.0.20-10.0.0.29"}, {"dhcp.lease_time", "infinite"},
		{"dns.local_only", "true"}, {"dns.upstreams", "192.0.2.53"}, {"learn_limit", "7"},
	} {
		var err error
		if n, err = n.Set(kv[0] + "=" + kv[1]); err != nil {
			t.Fatalf("%s=%s: %v", kv[0], kv[1], err)
		}
	}
	if n.MTU != 9000 || n.Domain != "lab.example" || len(n.Ports) != 2 || n.Ports[1] != "vnet2" || len(n.DHCP.Ranges) != 2 ||
		n.DHCP.LeaseTime != InfiniteLease || !n.DNS.LocalOnly || len(n.DNS.Upstreams) != 1 || n.LearnLimit != 7 {
		t.Errorf("%+v", n)
	}
	for _, key := range []string{"dns.local_only", "mtu", "ports", "ageing", "dhcp.lease_time"} {
		var err error
		if n, err = n.Set(key + "="); err != nil {
			t.Fatalf("%s=: %v", key, err)
		}
	}
	if n.DNS.LocalOnly || n.MTU != 0 || n.Ports != nil || n.Ageing != DefaultAgeing || n.DHCP.LeaseTime != time.Hour {
		t.Errorf("defaults: %+v", n)
	}
}

// What only makes sense together is set together.
func TestSetTogether(t *testing.T) {
	n, err := Default("lab").Set("dns.local_only=true", "domain=lab.example", "dhcp.ranges=10.0.0.2-10.0.0.9", "address=10.0.0.1/24")
	if err != nil || !n.DNS.LocalOnly || !n.Pinned() {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := n.Set("mtu"); err == nil {
		t.Error("a word without a value is taken")
	}
}

func TestSetRefuses(t *testing.T) {
	for _, tt := range []struct{ key, text, want string }{
		{"colour", "red", "unknown key; the keys here are address, adopt,"},
		{"dhcp.colour", "red", "the keys here are dhcp.boot_file, dhcp.boot_server, dhcp.enabled,"},
		{"dhcp", "x", "a table; name one of its keys, such as dhcp.enabled"},
		{"mtu.x", "1", "unknown key"},
		{"mtu", "large", `"large" is no whole number; write a whole number`},
		{"mtu", "1", "out of range"},
		{"ageing", "1500ms", "1.5s is not that; use whole seconds"},
		{"dhcp.enabled", "maybe", "neither true nor false"},
		{"dhcp.hosts", "x", "made of tables"},
		{"dns.local_only", "true", "there is no domain to keep local"},
		{"", "x", "unknown key"},
	} {
		_, err := Default("lab").Set(tt.key + "=" + tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "network lab") {
			t.Errorf("%s=%s: %v, want %q", tt.key, tt.text, err, tt.want)
		}
	}
}

// Whatever is set reads back, or is refused; nothing panics.
func FuzzSet(f *testing.F) {
	for _, w := range []string{"mtu=9000", "dhcp.ranges=10.0.0.2-10.0.0.9", "dhcp.hosts=x", "ports=a,b", "domain=", "dns=1", "=", "x", "address=10.0.0.1/24", "dhcp.enabled=T"} {
		f.Add(w)
	}
	f.Fuzz(func(t *testing.T, word string) {
		n, err := Default("lab").Set(word)
		if err != nil {
			return
		}
		again, err := ParseNetwork("lab", n.Marshal())
		if err != nil || !again.Equal(n) {
			t.Errorf("%q gives what does not read back: %v\n%s", word, err, n.Marshal())
		}
	})
}
