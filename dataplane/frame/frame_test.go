package frame

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"

	"ubridge/internal/wire"
)

// lay puts data in a buffer with room before and behind.
func lay(data []byte, front, behind int) *Frame {
	buf := make([]byte, front+len(data)+behind)
	copy(buf[front:], data)
	f := new(Frame)
	f.Set(buf, front, len(data))
	return f
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{7})
	r.Read(b)
	return b
}

func TestPushAndPullMoveTheFrontOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := random(rapid.IntRange(0, 200).Draw(t, "length"))
		front := rapid.IntRange(0, 64).Draw(t, "headroom")
		n := rapid.IntRange(-2, 80).Draw(t, "n")
		f := lay(data, front, 5)

		if got, want := f.Push(n), n >= 0 && n <= front; got != want {
			t.Fatalf("Push(%d) with %d bytes of headroom: %t", n, front, got)
		} else if !got {
			n = 0
		}
		if f.Len() != len(data)+n || !bytes.Equal(f.Bytes()[n:], data) {
			t.Fatalf("after Push(%d): %d bytes", n, f.Len())
		}
		if !f.Pull(n) || !bytes.Equal(f.Bytes(), data) {
			t.Fatalf("Pull(%d) does not undo Push", n)
		}
		cut := rapid.IntRange(-2, 220).Draw(t, "cut")
		if got, want := f.Pull(cut), cut >= 0 && cut <= len(data); got != want {
			t.Fatalf("Pull(%d) of %d bytes: %t", cut, len(data), got)
		} else if got && !bytes.Equal(f.Bytes(), data[cut:]) {
			t.Fatalf("after Pull(%d) the frame is another", cut)
		}
	})
}

func TestOffsetsMoveWithTheFront(t *testing.T) {
	tests := map[string]struct {
		o    Offload
		n    int // pushed, or pulled if negative
		ok   bool
		want Offload
	}{
		"a tag before an unfinished checksum": {Offload{Flags: NeedsCsum, CsumStart: 34, CsumOffset: 16}, 4, true, Offload{Flags: NeedsCsum, CsumStart: 38, CsumOffset: 16}},
		"a tag before a superframe":           {Offload{Flags: NeedsCsum, GSO: GSOTCP4, HdrLen: 54, GSOSize: 1448, CsumStart: 34}, 4, true, Offload{Flags: NeedsCsum, GSO: GSOTCP4, HdrLen: 58, GSOSize: 1448, CsumStart: 38}},
		"the link header taken off":           {Offload{Flags: NeedsCsum, HdrLen: 54, CsumStart: 34}, -14, true, Offload{Flags: NeedsCsum, HdrLen: 40, CsumStart: 20}},
		"fields that say nothing stay zero":   {Offload{}, 4, true, Offload{}},
		"start without NeedsCsum says nothing": {
			Offload{CsumStart: 34}, 4, true, Offload{CsumStart: 34}},
		"pulled to the checksum's start": {Offload{Flags: NeedsCsum, CsumStart: 14}, -14, true, Offload{Flags: NeedsCsum}},
		"pulled behind it":               {Offload{Flags: NeedsCsum, CsumStart: 13, HdrLen: 54}, -14, false, Offload{Flags: NeedsCsum, CsumStart: 13, HdrLen: 54}},
		"pushed out of sixteen bits":     {Offload{Flags: NeedsCsum, CsumStart: 65534, HdrLen: 54}, 4, false, Offload{Flags: NeedsCsum, CsumStart: 65534, HdrLen: 54}},
		"a hint that lies low":           {Offload{Flags: NeedsCsum, CsumStart: 34, HdrLen: 2}, -14, true, Offload{Flags: NeedsCsum, CsumStart: 20}},
		"a hint that lies high":          {Offload{Flags: NeedsCsum, CsumStart: 34, HdrLen: 65535}, 4, true, Offload{Flags: NeedsCsum, CsumStart: 38}},
	}
	for name, tt := range tests {
		f := lay(random(60), 20, 0)
		f.Offload = tt.o
		before := f.Len()
		var ok bool
		if tt.n < 0 {
			ok = f.Pull(-tt.n)
		} else {
			ok = f.Push(tt.n)
		}
		if ok != tt.ok {
			t.Errorf("%s: %t", name, ok)
		}
		if !ok && f.Len() != before {
			t.Errorf("%s: refused, yet the frame has %d bytes", name, f.Len())
		}
		if diff := cmp.Diff(tt.want, f.Offload); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestInsertVLANAsGopacketReadsIt(t *testing.T) {
	data := random(80)
	data[12], data[13] = 0x08, 0x00
	f := lay(data, 4, 0)
	f.Offload = Offload{Flags: NeedsCsum, CsumStart: 34, CsumOffset: 16}
	if !f.InsertVLAN(wire.TypeVLAN, 5<<13|1<<12|0x123) {
		t.Fatal("refused in spite of the headroom")
	}
	p := gopacket.NewPacket(f.Bytes(), layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	tag := p.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q)
	if !bytes.Equal(eth.DstMAC, data[:6]) || !bytes.Equal(eth.SrcMAC, data[6:12]) || eth.EthernetType != layers.EthernetTypeDot1Q {
		t.Errorf("link header %v", eth)
	}
	if tag.VLANIdentifier != 0x123 || tag.Priority != 5 || !tag.DropEligible || tag.Type != layers.EthernetTypeIPv4 || !bytes.Equal(tag.Payload, data[14:]) {
		t.Errorf("tag %+v", tag)
	}
	if f.Offload.CsumStart != 38 {
		t.Errorf("the checksum starts at %d, want 38", f.Offload.CsumStart)
	}
}

func TestInsertVLANRefusesAndLeavesTheFrame(t *testing.T) {
	for name, f := range map[string]*Frame{
		"no headroom":           lay(random(60), 3, 0),
		"ends in the addresses": lay(random(11), 10, 20),
		"empty":                 lay(nil, 10, 20),
	} {
		want := bytes.Clone(f.Bytes())
		if f.InsertVLAN(wire.TypeVLAN, 1) || !bytes.Equal(f.Bytes(), want) {
			t.Errorf("%s: tagged to % x", name, f.Bytes())
		}
	}
	f := lay(random(12), 4, 0)
	if !f.InsertVLAN(wire.TypeVLAN, 1) || f.Len() != 16 {
		t.Errorf("two addresses alone: %d bytes", f.Len())
	}
}

func TestTruncateNeverGrows(t *testing.T) {
	f := lay(random(60), 4, 40)
	for _, step := range []struct{ n, want int }{{60, 60}, {99, 60}, {-1, 60}, {14, 14}, {20, 14}, {0, 0}} {
		if f.Truncate(step.n); f.Len() != step.want {
			t.Errorf("Truncate(%d): %d bytes, want %d", step.n, f.Len(), step.want)
		}
	}
}

func TestGrowGivesTheRoomBehind(t *testing.T) {
	f := lay(random(60), 4, 10)
	tail := f.Grow(10)
	if len(tail) != 10 || f.Len() != 70 {
		t.Fatalf("%d bytes of room, frame of %d", len(tail), f.Len())
	}
	if tail[9] = 0xee; f.Bytes()[69] != 0xee {
		t.Error("the room is not the frame's end")
	}
	if f.Grow(1) != nil || f.Len() != 70 {
		t.Error("grown beyond the buffer")
	}
}

func TestFrontIsJustBeforeTheFrame(t *testing.T) {
	data := random(60)
	f := lay(data, 12, 0)
	if f.Front(13) != nil {
		t.Error("thirteen bytes of twelve")
	}
	copy(f.Front(10), "0123456789")
	if got := f.WithFront(10); string(got[:10]) != "0123456789" || !bytes.Equal(got[10:], data) {
		t.Errorf("% x", got)
	}
	if !bytes.Equal(f.Bytes(), data) || !bytes.Equal(f.Ethernet(), data) {
		t.Error("the frame itself changed")
	}
}

func TestSetForgetsWhatWasBefore(t *testing.T) {
	f := lay(random(60), 0, 0)
	f.Offload, f.Mark = Offload{Flags: NeedsCsum}, 9
	f.Set(make([]byte, 64), 2, 60)
	if f.Offload != (Offload{}) || f.Mark != 0 {
		t.Errorf("offload %+v, mark %d", f.Offload, f.Mark)
	}
}

func TestFrameOperationsDoNotAllocate(t *testing.T) {
	f := lay(random(60), Headroom, 20)
	got := testing.AllocsPerRun(100, func() {
		f.Push(14)
		f.Pull(14)
		f.InsertVLAN(wire.TypeVLAN, 7)
		f.Pull(4)
		f.Truncate(60)
		var vnet [VnetLen]byte
		f.Offload.Encode(vnet[:])
		f.Offload.Decode(vnet[:])
		_ = f.Offload.Valid(f.Len())
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestRemoveVLANIsTheReverseOfInsertVLAN(t *testing.T) {
	whole := make([]byte, 80)
	for i := range whole {
		whole[i] = byte(i)
	}
	var f Frame
	buf := append(make([]byte, Headroom), whole...)
	f.Set(buf, Headroom, len(whole))
	f.Offload = Offload{Flags: NeedsCsum, CsumStart: 34, CsumOffset: 16, HdrLen: 54}
	was := f.Offload
	if !f.InsertVLAN(wire.TypeVLAN, 5<<13) || !f.RemoveVLAN() {
		t.Fatal("refused")
	}
	if !bytes.Equal(f.Bytes(), whole) || f.Offload != was {
		t.Errorf("%x, %+v", f.Bytes(), f.Offload)
	}
	for n, offload := range map[int]Offload{17: {}, 60: {Flags: NeedsCsum, CsumStart: 3}} {
		f.Set(append([]byte(nil), whole...), 0, n)
		f.Offload = offload
		if f.RemoveVLAN() || !bytes.Equal(f.Bytes(), whole[:n]) {
			t.Errorf("%d bytes, %+v: changed to %x", n, offload, f.Bytes())
		}
	}
}
