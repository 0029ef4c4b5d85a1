package frame

import (
	"bytes"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

func arena(t testing.TB, n int) *Arena {
	t.Helper()
	a, err := NewArena(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestABufferHoldsTheLongestFrame(t *testing.T) {
	if BufLen < Headroom+MaxLen || BufLen%4096 != 0 {
		t.Fatalf("buffers of %d bytes", BufLen)
	}
	b := Batch{Arena: arena(t, 1)}
	data := random(MaxLen)
	f := b.AddCopy(data)
	if f == nil || !bytes.Equal(f.Bytes(), data) || f.Front(Headroom) == nil {
		t.Fatal("the longest frame does not fit with its headroom")
	}
	if b.Reset(); b.AddCopy(append(data, 0)) != nil {
		t.Error("a frame longer than the longest is taken")
	}
}

func TestBuffersAreDisjoint(t *testing.T) {
	a := arena(t, 3)
	for i := range 3 {
		_, buf := a.Get()
		if len(buf) != BufLen || cap(buf) != BufLen {
			t.Fatalf("buffer of %d bytes, capacity %d", len(buf), cap(buf))
		}
		for j := range buf {
			buf[j] = byte(i + 1)
		}
	}
	for h := range Handle(3) {
		first := a.Buf(h)[0]
		if want := bytes.Repeat([]byte{first}, BufLen); !bytes.Equal(a.Buf(h), want) {
			t.Fatalf("buffer %d is written by another's owner", h)
		}
	}
}

// TestArenaAgainstAModel lends and takes back at random: nothing is lent twice,
// nothing is lost, the last one back is the next one out.
func TestArenaAgainstAModel(t *testing.T) {
	const size = 8
	a := arena(t, size)
	rapid.Check(t, func(t *rapid.T) {
		lent, last := map[Handle]bool{}, Handle(-1)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "get") {
				h, buf := a.Get()
				if (buf == nil) != (len(lent) == size) || buf != nil && lent[h] {
					t.Fatalf("handle %d with %d lent", h, len(lent))
				}
				if last >= 0 && h != last {
					t.Fatalf("handle %d, though %d came back last", h, last)
				}
				if last = -1; buf != nil {
					lent[h] = true
				}
			} else if len(lent) > 0 {
				for h := range lent {
					a.Put(h)
					delete(lent, h)
					last = h
					break
				}
			}
			if a.Free() != size-len(lent) {
				t.Fatalf("%d free with %d of %d lent", a.Free(), len(lent), size)
			}
		}
		for h := range lent {
			a.Put(h)
		}
	})
}

func TestNewArenaRefusesNoBuffers(t *testing.T) {
	if a, err := NewArena(0); err == nil {
		t.Errorf("an arena of nothing: %d free", a.Free())
	}
}

func TestBatchGivesBackWhatItTook(t *testing.T) {
	a := arena(t, BatchSize+3)
	b := Batch{Arena: a}
	for range 3 {
		for i := 0; b.AddCopy([]byte("frame")) != nil; i++ {
			if i > BatchSize {
				t.Fatal("a batch without end")
			}
		}
		if !b.Full() || b.N != BatchSize || a.Free() != 3 || b.Add(nil, 0, 0) != nil {
			t.Fatalf("full batch: %d frames, %d buffers free", b.N, a.Free())
		}
		if b.Take() != nil || a.Free() != 3 {
			t.Fatal("a batch takes more buffers than frames")
		}
		if b.Reset(); b.N != 0 || a.Free() != BatchSize+3 {
			t.Fatalf("after Reset: %d frames, %d buffers free", b.N, a.Free())
		}
	}
}

func TestBatchWithoutMemory(t *testing.T) {
	b := Batch{Arena: arena(t, 1)}
	if b.AddCopy([]byte("first")) == nil || b.AddCopy([]byte("second")) != nil || b.N != 1 {
		t.Fatalf("%d frames from one buffer", b.N)
	}
	ring := make([]byte, 100)
	if f := b.Add(ring, 20, 60); f == nil || f.Len() != 60 || &f.Bytes()[0] != &ring[20] {
		t.Error("a frame in a ring needs no buffer")
	}
}

func TestUntakeReturnsTheLastBuffer(t *testing.T) {
	a := arena(t, 2)
	b := Batch{Arena: a}
	first, second := b.Take(), b.Take()
	b.Untake()
	if a.Free() != 1 {
		t.Fatalf("%d free", a.Free())
	}
	if again := b.Take(); unsafe.SliceData(again) != unsafe.SliceData(second) || unsafe.SliceData(again) == unsafe.SliceData(first) {
		t.Error("another buffer than the last one came back")
	}
	if b.Reset(); a.Free() != 2 {
		t.Errorf("%d free after Reset", a.Free())
	}
}

func TestBatchesDoNotAllocate(t *testing.T) {
	b := Batch{Arena: arena(t, BatchSize)}
	data := random(1514)
	got := testing.AllocsPerRun(100, func() {
		for b.AddCopy(data) != nil {
		}
		b.Reset()
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}
