package wire

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMACKinds(t *testing.T) {
	tests := []struct {
		mac                   string
		group, zero, reserved bool
	}{
		{"52:54:00:12:34:56", false, false, false},
		{"00:00:00:00:00:00", false, true, false},
		{"ff:ff:ff:ff:ff:ff", true, false, false},
		{"33:33:00:00:00:01", true, false, false},
		{"01:80:c2:00:00:00", true, false, true},
		{"01:80:c2:00:00:0f", true, false, true},
		{"01:80:c2:00:00:10", true, false, false},
		{"01:80:c2:01:00:00", true, false, false},
		{"00:80:c2:00:00:00", false, false, false},
		{"01:00:0c:cc:cc:cd", true, false, true},
		{"01:00:0c:cc:cc:cc", true, false, false},
	}
	for _, tt := range tests {
		m, err := ParseMAC(tt.mac)
		if err != nil {
			t.Fatal(err)
		}
		if m.IsGroup() != tt.group || m.IsZero() != tt.zero || m.IsReserved() != tt.reserved {
			t.Errorf("%s: group %t, zero %t, reserved %t", m, m.IsGroup(), m.IsZero(), m.IsReserved())
		}
	}
}

func TestMACRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := MAC(rapid.SliceOfN(rapid.Byte(), 6, 6).Draw(t, "mac"))
		if got := MACFromUint64(m.Uint64()); got != m {
			t.Fatalf("through a number: %s, want %s", got, m)
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var got MAC
		if err := json.Unmarshal(text, &got); err != nil || got != m {
			t.Fatalf("through JSON %s: %s, %v", text, got, err)
		}
	})
}

func TestParseMACReadsBothSeparatorsAndCases(t *testing.T) {
	want := MAC{0x52, 0x54, 0, 0xab, 0xcd, 0xef}
	for _, s := range []string{"52:54:00:ab:cd:ef", "52-54-00-AB-CD-EF", "52:54:00:Ab:cD:EF"} {
		if got, err := ParseMAC(s); err != nil || got != want {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
}

func TestParseMACRefuses(t *testing.T) {
	for _, s := range []string{
		"", "52:54:00:12:34", "52:54:00:12:34:5", "52:54:00:12:34:567", "5254.0012.3456",
		"52:54:00:12:34:5g", "52:54:00:12:34:+5", "52 54 00 12 34 56", "52:54:00:12:34:56:78:9a",
	} {
		if m, err := ParseMAC(s); err == nil {
			t.Errorf("%q is read as %s", s, m)
		}
	}
	m := MAC{1, 2, 3, 4, 5, 6}
	if err := m.UnmarshalText([]byte("nonsense")); err == nil || m != (MAC{1, 2, 3, 4, 5, 6}) {
		t.Errorf("a refused text changes the address to %s (%v)", m, err)
	}
}

func TestEthernetFields(t *testing.T) {
	e := Ethernet{0xff, 1, 2, 3, 4, 5, 0x52, 6, 7, 8, 9, 10, 0x08, 0x06, 0xaa, 0xbb}
	if e.Dst() != (MAC{0xff, 1, 2, 3, 4, 5}) || e.Src() != (MAC{0x52, 6, 7, 8, 9, 10}) || e.Type() != TypeARP {
		t.Errorf("%s %s %#x", e.Dst(), e.Src(), e.Type())
	}
	if diff := cmp.Diff([]byte{0xaa, 0xbb}, e.Payload()); diff != "" {
		t.Error(diff)
	}
	e.SetDst(MAC{1, 1, 1, 1, 1, 1})
	e.SetSrc(MAC{2, 2, 2, 2, 2, 2})
	e.SetType(TypeIPv6)
	want := Ethernet{1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x86, 0xdd, 0xaa, 0xbb}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
}

func TestL3LooksThroughTwoTags(t *testing.T) {
	addresses := make([]byte, 12)
	tests := map[string]struct {
		behind []byte
		typ    uint16
		off    int
		ok     bool
	}{
		"untagged":              {[]byte{0x08, 0x00}, TypeIPv4, 14, true},
		"one tag":               {[]byte{0x81, 0, 0, 5, 0x86, 0xdd}, TypeIPv6, 18, true},
		"service tag":           {[]byte{0x88, 0xa8, 0, 5, 0x08, 0x06}, TypeARP, 18, true},
		"two tags":              {[]byte{0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x08, 0}, TypeIPv4, 22, true},
		"three tags stop there": {[]byte{0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 8, 0}, TypeVLAN, 22, true},
		"ends in the first tag": {[]byte{0x81, 0, 0, 5, 0x08}, 0, 0, false},
		"ends behind the TPID":  {[]byte{0x81, 0}, 0, 0, false},
		"ends in the second":    {[]byte{0x81, 0, 0, 5, 0x81, 0, 0}, 0, 0, false},
		"length, not type":      {[]byte{0, 46}, 46, 14, true},
	}
	for name, tt := range tests {
		typ, off, ok := Ethernet(append(addresses[:12:12], tt.behind...)).L3()
		if typ != tt.typ || off != tt.off || ok != tt.ok {
			t.Errorf("%s: type %#x at %d, %t; want %#x at %d, %t", name, typ, off, ok, tt.typ, tt.off, tt.ok)
		}
	}
}

func TestAPriorityIsNoVLAN(t *testing.T) {
	tagged := func(typ, tci uint16, n int) Ethernet {
		e := make(Ethernet, n)
		e.SetType(typ)
		if n >= EthernetLen+VLANLen {
			e[14], e[15] = byte(tci>>8), byte(tci)
		}
		return e
	}
	for _, c := range []struct {
		name string
		e    Ethernet
		want bool
	}{
		{"priority 7, VID 0", tagged(TypeVLAN, 7<<13, 60), true},
		{"VID 0 and drop eligible", tagged(TypeVLAN, 1<<12, 60), true},
		{"VID 1", tagged(TypeVLAN, 1, 60), false},
		{"VID 0x100", tagged(TypeVLAN, 0x100, 60), false},
		{"service tag", tagged(TypeQinQ, 0, 60), false},
		{"untagged", tagged(TypeIPv4, 0, 60), false},
		{"cut inside the tag", tagged(TypeVLAN, 0, 17), false},
	} {
		if got := c.e.IsPriorityTagged(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
