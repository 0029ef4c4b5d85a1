package frame

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ubridge/internal/wire"
)

func TestDecodeAsLinuxVirtioNetLaysItOut(t *testing.T) {
	var o Offload
	o.Decode([]byte{1, 0x81, 0x36, 0, 0xa8, 0x05, 0x22, 0, 0x10, 0})
	want := Offload{Flags: NeedsCsum, GSO: GSOTCP4 | GSOECN, HdrLen: 54, GSOSize: 1448, CsumStart: 34, CsumOffset: 16}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEncodeIsTheInverseButForFlagsOfReceive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want, got Offload
		want.Decode(rapid.SliceOfN(rapid.Byte(), VnetLen, VnetLen).Draw(t, "header"))
		var b [VnetLen]byte
		want.Encode(b[:])
		got.Decode(b[:])
		want.Flags &= NeedsCsum
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestValid(t *testing.T) {
	tcp := Offload{Flags: NeedsCsum, GSO: GSOTCP4, HdrLen: 54, GSOSize: 1448, CsumStart: 34, CsumOffset: 16}
	with := func(change func(*Offload)) Offload { o := tcp; change(&o); return o }
	tests := map[string]struct {
		o    Offload
		n    int
		want bool
	}{
		"ordinary":                              {Offload{}, 14, true},
		"verified by hardware":                  {Offload{Flags: DataValid}, 60, true},
		"checksum at the frame's end":           {Offload{Flags: NeedsCsum, CsumStart: 34, CsumOffset: 16}, 52, true},
		"checksum half behind it":               {Offload{Flags: NeedsCsum, CsumStart: 34, CsumOffset: 16}, 51, false},
		"checksum in the link header":           {Offload{Flags: NeedsCsum, CsumStart: 13, CsumOffset: 6}, 60, false},
		"offsets that add up past 16 bits":      {Offload{Flags: NeedsCsum, CsumStart: 65535, CsumOffset: 65535}, 1500, false},
		"wild offsets that say nothing":         {Offload{CsumStart: 65535, CsumOffset: 65535}, 60, true},
		"TCP superframe":                        {tcp, 30000, true},
		"with the ECN bit":                      {with(func(o *Offload) { o.GSO |= GSOECN }), 30000, true},
		"over IPv6":                             {with(func(o *Offload) { o.GSO = GSOTCP6 }), 30000, true},
		"UDP datagrams":                         {with(func(o *Offload) { o.GSO, o.CsumOffset = GSOUDPL4, 6 }), 30000, true},
		"UDP with TCP's checksum":               {with(func(o *Offload) { o.GSO = GSOUDPL4 }), 30000, false},
		"TCP with UDP's checksum":               {with(func(o *Offload) { o.CsumOffset = 6 }), 30000, false},
		"superframe without a checksum to do":   {with(func(o *Offload) { o.Flags = 0 }), 30000, false},
		"segments of nothing":                   {with(func(o *Offload) { o.GSOSize = 0 }), 30000, false},
		"segments by fragment list":             {with(func(o *Offload) { o.GSOSize = 65535 }), 30000, false},
		"headers longer than the frame":         {with(func(o *Offload) { o.HdrLen = 60 }), 59, false},
		"headers unknown":                       {with(func(o *Offload) { o.HdrLen = 0 }), 30000, true},
		"fragments of one datagram (UFO)":       {with(func(o *Offload) { o.GSO = GSOUDP }), 30000, false},
		"ECN bit of nothing":                    {Offload{GSO: GSOECN}, 60, false},
		"a kind that does not exist":            {with(func(o *Offload) { o.GSO = 2 }), 30000, false},
		"no superframe, but a segment size set": {Offload{GSOSize: 1448}, 60, true},
	}
	for name, tt := range tests {
		if got := tt.o.Valid(tt.n); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// FuzzValid holds what the rest of the dataplane builds on: offsets of a valid
// offload lie in the frame, and reading its headers stays there.
func FuzzValid(f *testing.F) {
	f.Add([]byte{1, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0}, make([]byte, 1500))
	f.Add([]byte{1, 5, 42, 0, 0, 4, 34, 0, 6, 0}, make([]byte, 42))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, make([]byte, 60))
	f.Fuzz(func(t *testing.T, header, data []byte) {
		if len(header) < VnetLen {
			return
		}
		fr := lay(data, 8, 0)
		fr.Offload.Decode(header)
		if !fr.Offload.Valid(len(data)) {
			return
		}
		if o := fr.Offload; o.NeedsCsum() {
			_ = data[int(o.CsumStart):][int(o.CsumOffset) : int(o.CsumOffset)+2]
		}
		if n, ok := fr.Offload.Headers(data); ok && n > len(data) {
			t.Fatalf("headers of %d bytes in a frame of %d", n, len(data))
		}
		if _, ok := fr.Offload.Headers(data); ok && !fr.Offload.IsGSO() {
			t.Fatal("an ordinary frame has segment headers")
		}
		if fr.InsertVLAN(wire.TypeVLAN, 1) && !fr.Offload.Valid(fr.Len()) {
			t.Fatalf("a tag makes %+v untrue", fr.Offload)
		}
	})
}

func TestHeadersAreReadFromTheFrame(t *testing.T) {
	b := make([]byte, 200)
	b[34+12] = 8 << 4 // TCP with twelve bytes of options
	tcp := Offload{Flags: NeedsCsum, GSO: GSOTCP4, HdrLen: 1, CsumStart: 34}
	tests := map[string]struct {
		o  Offload
		b  []byte
		n  int
		ok bool
	}{
		"TCP, whatever the hint says": {tcp, b, 66, true},
		"TCP over IPv6 with ECN":      {Offload{GSO: GSOTCP6 | GSOECN, CsumStart: 34}, b, 66, true},
		"TCP cut in its options":      {tcp, b[:65], 0, false},
		"TCP that starts behind":      {tcp, b[:33], 0, false},
		"UDP":                         {Offload{GSO: GSOUDPL4, CsumStart: 34}, b, 42, true},
		"UDP cut":                     {Offload{GSO: GSOUDPL4, CsumStart: 34}, b[:41], 0, false},
		"ordinary":                    {Offload{CsumStart: 34}, b, 0, false},
	}
	for name, tt := range tests {
		if n, ok := tt.o.Headers(tt.b); ok != tt.ok || ok && n != tt.n {
			t.Errorf("%s: %d, %t", name, n, ok)
		}
	}
}

func TestCapsTake(t *testing.T) {
	kinds := []Offload{
		{}, {Flags: NeedsCsum}, {Flags: NeedsCsum, GSO: GSOTCP4}, {Flags: NeedsCsum, GSO: GSOTCP6 | GSOECN},
		{Flags: NeedsCsum, GSO: GSOUDPL4}, {Flags: NeedsCsum, GSO: GSOUDP},
	}
	tests := map[string]struct {
		caps Caps
		want string // one digit a kind
	}{
		"plain port":     {Caps{}, "100000"},
		"checksums":      {Caps{Csum: true}, "110000"},
		"TCP over IPv4":  {Caps{Csum: true, TSO4: true}, "111000"},
		"TCP over IPv6":  {Caps{Csum: true, TSO6: true}, "110100"},
		"UDP":            {Caps{Csum: true, USO: true}, "110010"},
		"all that it is": {Caps{Csum: true, TSO4: true, TSO6: true, USO: true}, "111110"},
	}
	for name, tt := range tests {
		var got []byte
		for _, o := range kinds {
			if tt.caps.Takes(o) {
				got = append(got, '1')
			} else {
				got = append(got, '0')
			}
		}
		if string(got) != tt.want {
			t.Errorf("%s: takes %s, want %s", name, got, tt.want)
		}
	}
}

func TestEveryReasonHasANameOfItsOwn(t *testing.T) {
	seen := map[string]Reason{}
	for r := range NumReasons {
		name := r.String()
		if first, dup := seen[name]; dup || name == "" || name == "unknown" {
			t.Errorf("reason %d is named %q, as reason %d is", r, name, first)
		}
		seen[name] = r
	}
	if NumReasons.String() != "unknown" {
		t.Error("a reason that does not exist has a name")
	}
}
