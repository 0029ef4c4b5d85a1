package wire

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// naiveSum is RFC 1071 §4.1 word by word.
func naiveSum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		w := uint32(b[i]) << 8
		if i+1 < len(b) {
			w |= uint32(b[i+1])
		}
		sum += w
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

// sameSum reports whether two folded sums are equal modulo 2^16-1: 0 and 0xffff
// are both zero in ones' complement.
func sameSum(a, b uint16) bool { return a%0xffff == b%0xffff }

func TestSumEqualsTheNaiveSumAtEveryLengthAndAlignment(t *testing.T) {
	const longest = 9100
	fills := map[string]func([]byte){
		"random": func(b []byte) {
			r := rand.New(rand.NewPCG(1, 2))
			for i := range b {
				b[i] = byte(r.Uint32())
			}
		},
		"all ones": func(b []byte) { // every addition carries
			for i := range b {
				b[i] = 0xff
			}
		},
	}
	for name, fill := range fills {
		buf := make([]byte, longest+8)
		fill(buf)
		for n := 0; n <= longest; n++ {
			at := n % 8 // every length at one alignment, every alignment at a thousand lengths
			if got, want := Fold(Sum(buf[at:at+n], 0)), naiveSum(buf[at:at+n]); got != want {
				t.Fatalf("%s: sum of %d bytes at offset %d is %#04x, want %#04x", name, n, at, got, want)
			}
		}
		for at := range 8 {
			for n := range 130 {
				if got, want := Fold(Sum(buf[at:at+n], 0)), naiveSum(buf[at:at+n]); got != want {
					t.Fatalf("%s: sum of %d bytes at offset %d is %#04x, want %#04x", name, n, at, got, want)
				}
			}
		}
	}
}

func TestSumCarriesAroundFromAnyStart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")
		start := rapid.OneOf(rapid.Uint64(), rapid.Just(^uint64(0)), rapid.Just(uint64(0))).Draw(t, "start")
		var words [8]byte
		binary.BigEndian.PutUint64(words[:], start)
		if got, want := Fold(Sum(b, start)), naiveSum(append(words[:], b...)); !sameSum(got, want) {
			t.Fatalf("sum from %#x is %#04x, want %#04x", start, got, want)
		}
	})
}

func TestSumChainsOverPartsOfEvenLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes")
		at := rapid.IntRange(0, len(b)/2).Draw(t, "words") * 2
		if got, want := Fold(Sum(b[at:], Sum(b[:at], 0))), naiveSum(b); got != want {
			t.Fatalf("cut at %d: %#04x, want %#04x", at, got, want)
		}
	})
}

func TestFoldReducesModulo65535(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 0xffff, 0x10000, 1<<32 - 1, 1 << 32, ^uint64(0)})).Draw(t, "sum")
		got := Fold(v)
		if uint64(got)%0xffff != v%0xffff {
			t.Fatalf("Fold(%#x) = %#x", v, got)
		}
		if (got == 0) != (v == 0) {
			t.Fatalf("Fold(%#x) = %#x: only nothing sums to positive zero", v, got)
		}
	})
}

// checksummed draws bytes with a true checksum at an even offset, and another
// even offset where a field of n bytes is to change.
func checksummed(t *rapid.T, n int) (b []byte, sumAt, fieldAt int) {
	words := rapid.IntRange(3, 40).Draw(t, "words")
	b = rapid.SliceOfN(rapid.Byte(), words*2, words*2).Draw(t, "bytes")
	fieldAt = rapid.IntRange(0, (len(b)-n-2)/2).Draw(t, "field") * 2
	sumAt = len(b) - 2
	putChecksum(b, sumAt)
	return b, sumAt, fieldAt
}

func putChecksum(b []byte, at int) {
	b[at], b[at+1] = 0, 0
	binary.BigEndian.PutUint16(b[at:], ^naiveSum(b))
}

func TestUpdateIsAsGoodAsSummingAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, sumAt, at := checksummed(t, 4)
		was, is := binary.BigEndian.Uint32(b[at:]), rapid.Uint32().Draw(t, "is")
		c := Update32(binary.BigEndian.Uint16(b[sumAt:]), was, is)
		binary.BigEndian.PutUint32(b[at:], is)
		binary.BigEndian.PutUint16(b[sumAt:], c)
		if s := naiveSum(b); s != 0xffff && s != 0 {
			t.Fatalf("after Update32 the bytes sum to %#04x", s)
		}
		was16, is16 := binary.BigEndian.Uint16(b[at:]), rapid.Uint16().Draw(t, "is16")
		c = Update16(c, was16, is16)
		binary.BigEndian.PutUint16(b[at:], is16)
		binary.BigEndian.PutUint16(b[sumAt:], c)
		if s := naiveSum(b); s != 0xffff && s != 0 {
			t.Fatalf("after Update16 the bytes sum to %#04x", s)
		}
	})
}

// RFC 1624 §4 gives this example, on which the equation of RFC 1141 fails.
func TestUpdate16AsInRFC1624(t *testing.T) {
	if got := Update16(0xdd2f, 0x5555, 0x3285); got != 0x0000 {
		t.Fatalf("checksum %#04x, want 0x0000", got)
	}
}

func TestUpdatePartialKeepsThePseudoHeaderSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src, dst := IP4FromUint32(rapid.Uint32().Draw(t, "src")), IP4FromUint32(rapid.Uint32().Draw(t, "dst"))
		to := IP4FromUint32(rapid.Uint32().Draw(t, "to"))
		n := rapid.IntRange(8, 65535).Draw(t, "length")
		partial := Fold(PseudoIPv4(src, dst, ProtoTCP, n))
		got := UpdatePartial32(partial, src.Uint32(), to.Uint32())
		if want := Fold(PseudoIPv4(to, dst, ProtoTCP, n)); !sameSum(got, want) {
			t.Fatalf("partial sum %#04x, want %#04x", got, want)
		}
	})
}

func TestPseudoHeadersSumTheirFields(t *testing.T) {
	src, dst := IP4{192, 168, 122, 7}, IP4{203, 0, 113, 255}
	v4 := []byte{192, 168, 122, 7, 203, 0, 113, 255, 0, ProtoUDP, 0xfe, 0xdc}
	if got, want := Fold(PseudoIPv4(src, dst, ProtoUDP, 0xfedc)), naiveSum(v4); got != want {
		t.Errorf("IPv4 pseudo-header %#04x, want %#04x", got, want)
	}
	var a, b [16]byte
	for i := range a {
		a[i], b[i] = byte(0xf0+i), byte(0x80+3*i)
	}
	v6 := append(append(a[:len(a):len(a)], b[:]...), 0, 1, 0x23, 0x45, 0, 0, 0, ProtoTCP)
	if got, want := Fold(PseudoIPv6(a[:], b[:], ProtoTCP, 0x12345)), naiveSum(v6); got != want {
		t.Errorf("IPv6 pseudo-header %#04x, want %#04x", got, want)
	}
}

func BenchmarkSum(b *testing.B) {
	for _, n := range []int{20, 1500, 65535} {
		buf := make([]byte, n)
		b.Run(map[int]string{20: "header", 1500: "frame", 65535: "superframe"}[n], func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Sum(buf, 0)
			}
		})
	}
}
