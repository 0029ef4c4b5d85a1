package traffic_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"ubridge/bench/traffic"
)

// numbered is a frame with a number, from the sender with this last byte.
func numbered(n uint64, from byte) []byte {
	f := make([]byte, 14+100)
	f[11] = from
	traffic.Fill(f[14:], n)
	return f
}

func TestCheckerSeesWhatMustNotBe(t *testing.T) {
	var c traffic.Checker
	for _, n := range []uint64{1, 2, 5, 5, 4, 6} {
		c.Frame(numbered(n, 1))
	}
	c.Frame(numbered(3, 2)) // another sender begins where it likes
	wrong := numbered(7, 1)
	wrong[60] ^= 1
	c.Frame(wrong)
	c.Frame(wrong[:20])
	c.Frame(nil)
	if c.Frames != 5 || c.Gaps != 2 || c.Duplicates != 1 || c.Reordered != 1 || c.Corrupt != 3 {
		t.Errorf("%+v", c)
	}
	if err := c.Bad(); err == nil || !strings.Contains(err.Error(), "1 came twice, 1 came late") {
		t.Errorf("%v", err)
	}
}

func TestLossIsNotBad(t *testing.T) {
	c := traffic.Checker{Every: 64}
	for _, n := range []uint64{0, 64, 256} {
		c.Frame(numbered(n, 1))
	}
	if err := c.Bad(); err != nil || c.Gaps != 2 {
		t.Errorf("%v, %d left out", err, c.Gaps)
	}
}

func TestEveryPayloadIsItsOwn(t *testing.T) {
	for n := range uint64(9000) {
		p := make([]byte, traffic.MinPayload+int(n%1400))
		traffic.Fill(p, n)
		if got, err := traffic.Number(p); err != nil || got != n {
			t.Fatalf("%d: %d, %v", n, got, err)
		}
		p[int(n)%len(p)] ^= 0x10
		if _, err := traffic.Number(p); err == nil {
			t.Fatalf("%d: a bit turned over is not seen", n)
		}
	}
}

// What trafgen wrote, from tcpdump -xx: two frames with the numbers 2 and 3.
var fromTrafgen = [][]byte{
	unhex("525400000002525400000001" + "88b5" + "4500002e000000000006a6c80a0000010a000002" + "0000000000000002000000005000" + "00009bda0000" + "aaaaaaaaaaaa"),
	unhex("525400000002525400000001" + "88b5" + "4500002e000000000006a6c80a0000010a000002" + "0000000000000003000000005000" + "00009bd90000" + "aaaaaaaaaaaa"),
}

func unhex(s string) []byte {
	b := make([]byte, len(s)/2)
	for i := range b {
		b[i] = nibble(s[2*i])<<4 | nibble(s[2*i+1])
	}
	return b
}

func nibble(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func TestTrafgenFramesAreRead(t *testing.T) {
	c := traffic.FromTrafgen(1)
	for _, f := range fromTrafgen {
		c.Frame(f)
	}
	if c.Frames != 2 || c.Bad() != nil {
		t.Errorf("%+v", c)
	}
	if n := binary.BigEndian.Uint32(fromTrafgen[1][traffic.TrafgenAt:]); n != 3 {
		t.Errorf("the number is %d, want 3", n)
	}
	for _, at := range []int{traffic.TrafgenAt + 3, 50, 59} {
		wrong := append([]byte(nil), fromTrafgen[0]...)
		wrong[at] ^= 4
		c.Frame(wrong)
	}
	if c.Corrupt != 3 {
		t.Errorf("of three wrong frames, %d are seen", c.Corrupt)
	}
}

func TestTrafgenConfig(t *testing.T) {
	text := traffic.TrafgenConfig("52:54:00:00:00:01", "52:54:00:00:00:02", 60, 1514)
	if !strings.Contains(text, "type=0x88b5") || !strings.Contains(text, "fill(0xaa, 6)") || !strings.Contains(text, "dinc(1, 4294967294, 2)") {
		t.Error(text)
	}
}

// flipping turns over a bit of what passes.
type flipping struct{ net.Conn }

func (f flipping) Write(p []byte) (int, error) {
	q := append([]byte(nil), p...)
	q[len(q)/2] ^= 1
	return f.Conn.Write(q)
}

func TestTransferComparesHashes(t *testing.T) {
	a, b := net.Pipe()
	if err := traffic.Transfer(a, b, 1<<20); err != nil {
		t.Error(err)
	}
	if err := traffic.Transfer(flipping{a}, b, 1<<20); err == nil {
		t.Error("a bit turned over is not seen")
	}
	b.Close()
	if err := traffic.Transfer(a, b, 1<<20); !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, io.EOF) {
		t.Errorf("a closed connection gives %v", err)
	}
}

func FuzzNumber(f *testing.F) {
	f.Add(numbered(7, 1)[14:])
	f.Fuzz(func(t *testing.T, p []byte) {
		if n, err := traffic.Number(p); err == nil {
			q := make([]byte, len(p))
			traffic.Fill(q, n)
			if got, err := traffic.Number(q); err != nil || got != n {
				t.Errorf("%d is read as %d, %v", n, got, err)
			}
		}
	})
}

func FuzzChecker(f *testing.F) {
	f.Add(fromTrafgen[0], true)
	f.Add(numbered(7, 1), false)
	f.Fuzz(func(_ *testing.T, frame []byte, trafgen bool) {
		c := &traffic.Checker{}
		if trafgen {
			c = traffic.FromTrafgen(64)
		}
		c.Frame(frame)
	})
}
