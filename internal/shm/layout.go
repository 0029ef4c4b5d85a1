package shm

import "fmt"

// Limits of a layout.
const (
	pageSize    = 4096
	maxSections = 64
	maxName     = 24
	maxSize     = 1 << 40
)

// Layout is what a state file holds.
type Layout struct {
	// Version changes whenever the meaning of a section's bytes does.
	Version uint32

	// Sections are laid out in this order.
	Sections []SectionSpec
}

// SectionSpec is a part of a state file.
type SectionSpec struct {
	Name string // 1 to 24 bytes
	Size int    // in bytes, more than zero
}

// magic is the first word of a finished file; its last digit is the version of
// the header itself.
const magic uint64 = 0x7562_7374_6174_6531 // "ubstate1"

// header is the first page of a file. All of it but key and magic follows from
// the layout and the boot, and so can be compared as a whole.
type header struct {
	magic    uint64
	version  uint32
	sections uint32
	key      [2]uint64
	size     uint64 // of the file in bytes
	boot     bootID
	table    [maxSections]place
}

// place is where a section lies.
type place struct {
	name      [maxName]byte
	off, size uint64
}

// header is what the file's first page must be, but for its key.
func (l Layout) header(boot bootID) (h header, err error) {
	if len(l.Sections) == 0 || len(l.Sections) > maxSections {
		return h, fmt.Errorf("%d sections: give 1 to %d", len(l.Sections), maxSections)
	}
	h = header{magic: magic, version: l.Version, sections: uint32(len(l.Sections)), boot: boot, size: pageSize}
	for i, s := range l.Sections {
		if err := s.check(l.Sections[:i]); err != nil {
			return h, err
		}
		p := place{off: h.size, size: uint64(s.Size)}
		copy(p.name[:], s.Name)
		h.table[i] = p
		h.size += (p.size + pageSize - 1) &^ (pageSize - 1)
	}
	if h.size > maxSize {
		return h, fmt.Errorf("%d bytes in all: more than %d", h.size, uint64(maxSize))
	}
	return h, nil
}

func (s SectionSpec) check(before []SectionSpec) error {
	if s.Name == "" || len(s.Name) > maxName {
		return fmt.Errorf("section %q: a name has 1 to %d bytes", s.Name, maxName)
	}
	if s.Size <= 0 || s.Size > maxSize {
		return fmt.Errorf("section %s: %d bytes: give 1 to %d", s.Name, s.Size, maxSize)
	}
	for _, b := range before {
		if b.Name == s.Name {
			return fmt.Errorf("section %s is there twice", s.Name)
		}
	}
	return nil
}

// differs says why a file with header old cannot be resumed as one with header
// h; it is empty if it can.
func (h *header) differs(old *header) string {
	same := *old
	same.key = h.key
	switch {
	case old.magic != magic:
		return "it was never finished, or is no state file"
	case old.boot != h.boot:
		return "the host was booted since"
	case old.version != h.version:
		return fmt.Sprintf("it has layout version %d, this ubridge has %d", old.version, h.version)
	case same != *h:
		return "its tables are others"
	}
	return ""
}
