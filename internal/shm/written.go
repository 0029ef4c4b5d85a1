package shm

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Written is how many bytes of a section, from its start, lie before the last
// page that was ever stored to; what is behind reads as zero. A table that is
// filled from its start can leave the rest unread: reading a page of a sparse
// file on tmpfs takes memory for it, as storing to it does. Where the filesystem
// cannot tell, it is the whole section.
func (f *File) Written(name string) (n int, err error) {
	p := f.place(name)
	if p == nil {
		return 0, nil
	}
	end := int64(p.off + p.size)
	for at := int64(p.off); at < end; {
		data, err := unix.Seek(f.fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) || err == nil && data >= end {
			break // nothing but a hole from here on
		}
		if err != nil {
			return 0, err
		}
		if at, err = unix.Seek(f.fd, data, unix.SEEK_HOLE); err != nil {
			return 0, err
		}
		n = int(min(at, end) - int64(p.off))
	}
	return n, nil
}
