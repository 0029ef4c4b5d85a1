package traffic

import (
	"encoding/binary"
	"fmt"
)

// EtherType is IEEE 802's first local experimental one.
const EtherType = 0x88b5

// headerLen is an Ethernet header without a tag.
const headerLen = 14

// Checker looks at what arrives, in the order in which it arrives. A Checker
// with no fields set is ready to use and reads numbered frames.
type Checker struct {
	Frames     uint64 // right ones
	Corrupt    uint64 // wrong bytes
	Duplicates uint64 // the same number again
	Reordered  uint64 // a lower number than before, of the same sender
	Gaps       uint64 // numbers left out, in steps of Every

	// Every is the distance of numbers that are let through; 0 is 1.
	Every uint64

	number func(frame []byte) (uint64, error) // nil: of a numbered frame
	last   map[uint64]uint64                  // by sender
}

// Frame takes an Ethernet frame.
func (c *Checker) Frame(f []byte) {
	if len(f) < headerLen {
		c.Corrupt++
		return
	}
	read := c.number
	if read == nil {
		read = func(f []byte) (uint64, error) { return Number(f[headerLen:]) }
	}
	n, err := read(f)
	c.see(sender(f), n, err)
}

// Payload takes a payload that came without a frame; senders are not told apart.
func (c *Checker) Payload(p []byte) {
	n, err := Number(p)
	c.see(0, n, err)
}

// sender is a frame's source address.
func sender(f []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(f[6:]))<<32 | uint64(binary.BigEndian.Uint32(f[8:]))
}

func (c *Checker) see(from, n uint64, err error) {
	if err != nil {
		c.Corrupt++
		return
	}
	if c.last == nil {
		c.last = map[uint64]uint64{}
	}
	last, known := c.last[from]
	switch {
	case known && n == last:
		c.Duplicates++
		return
	case known && n < last:
		c.Reordered++
		return
	case known:
		c.Gaps += (n-last)/max(c.Every, 1) - 1
	}
	c.last[from] = n
	c.Frames++
}

// Bad says what was wrong, apart from losses; nil where nothing was.
func (c *Checker) Bad() error {
	if c.Corrupt+c.Duplicates+c.Reordered == 0 {
		return nil
	}
	return fmt.Errorf("of %d frames checked, %d had other bytes than were sent, %d came twice, %d came late",
		c.Frames+c.Corrupt+c.Duplicates+c.Reordered, c.Corrupt, c.Duplicates, c.Reordered)
}
