package frame

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// BufLen is the length in bytes of an arena buffer: headroom and the longest
// frame, in whole pages so that an idle buffer's pages can stay untouched.
const BufLen = (Headroom + MaxLen + 4095) &^ 4095

// Handle names a buffer of an arena.
type Handle int32

// Arena is a fixed number of frame buffers in memory mapped outside the Go
// heap. Buffers are handed out last in, first out, so that the ones in the
// processor's cache are used again. Pages are touched on first use only.
type Arena struct {
	mem  []byte
	free []Handle
}

// NewArena maps n buffers.
func NewArena(n int) (*Arena, error) {
	mem, err := unix.Mmap(-1, 0, n*BufLen, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("map %d frame buffers of %d bytes: %w", n, BufLen, err)
	}
	a := &Arena{mem: mem, free: make([]Handle, n)}
	for i := range a.free {
		a.free[i] = Handle(n - 1 - i)
	}
	return a, nil
}

// Get lends a buffer of BufLen bytes; nil when none is free.
func (a *Arena) Get() (Handle, []byte) {
	if len(a.free) == 0 {
		return -1, nil
	}
	h := a.free[len(a.free)-1]
	a.free = a.free[:len(a.free)-1]
	return h, a.Buf(h)
}

// Put takes a buffer back.
func (a *Arena) Put(h Handle) { a.free = append(a.free, h) }

// Buf is the buffer that h names.
func (a *Arena) Buf(h Handle) []byte {
	at := int(h) * BufLen
	return a.mem[at : at+BufLen : at+BufLen]
}

// Free is the number of buffers that can be had.
func (a *Arena) Free() int { return len(a.free) }

// Close unmaps the memory; no frame in it may be used any more.
func (a *Arena) Close() error { return unix.Munmap(a.mem) }
