package shm

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// File is a mapped state file, locked until Close.
type File struct {
	path   string
	fd     int // -1 when closed
	mem    []byte
	header *header // in mem
	fresh  string  // why nothing was resumed; empty if it was
}

// Open maps the state file at path and resumes it, or starts afresh: File.Why
// says why. The file is made with mode 0600. It errs where the file is in use
// (ErrInUse), belongs to another user, is no regular file or does not fit its
// filesystem, and on a layout that no file can have.
func Open(path string, l Layout) (*File, error) {
	boot, err := readBootID()
	if err != nil {
		return nil, err
	}
	return open(path, l, boot)
}

func open(path string, l Layout, boot bootID) (*File, error) {
	want, err := l.header(boot)
	if err != nil {
		return nil, fmt.Errorf("layout of state file %s: %w", path, err)
	}
	fd, err := lockFile(path, unix.O_CREAT)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, fd: fd}
	if err := f.load(&want); err != nil {
		return nil, errors.Join(fmt.Errorf("state file %s: %w", path, err), f.Close())
	}
	return f, nil
}

// load maps the file, made anew where it cannot be resumed.
func (f *File) load(want *header) (err error) {
	if f.fresh, err = f.resume(want); err != nil || f.fresh == "" {
		return err
	}
	return f.create(want)
}

// resume maps the file as it is, or says why it cannot be resumed.
func (f *File) resume(want *header) (why string, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return "", err
	}
	switch st.Size {
	case 0:
		return "it was not there", nil
	case int64(want.size):
	default:
		return fmt.Sprintf("it has %d bytes instead of %d", st.Size, want.size), nil
	}
	if err := f.mmap(st.Size); err != nil {
		return "", err
	}
	if why = want.differs(f.header); why != "" {
		return why, f.unmap()
	}
	return "", fits(f.fd, want.size)
}

// create makes the file anew in place, so that the lock stays on it.
func (f *File) create(want *header) error {
	for _, size := range []int64{0, int64(want.size)} { // zeroed by being cut
		if err := unix.Ftruncate(f.fd, size); err != nil {
			return err
		}
	}
	if err := fits(f.fd, want.size); err != nil {
		return err
	}
	if err := f.mmap(int64(want.size)); err != nil {
		return err
	}
	h := *want
	h.magic, h.key = 0, newKey()
	*f.header = h
	atomic.StoreUint64(&f.header.magic, magic)
	return nil
}

func (f *File) mmap(size int64) (err error) {
	f.mem, err = unix.Mmap(f.fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %d bytes: %w", size, err)
	}
	f.header = (*header)(unsafe.Pointer(unsafe.SliceData(f.mem)))
	return nil
}

func (f *File) unmap() error {
	if f.mem == nil {
		return nil
	}
	err := unix.Munmap(f.mem)
	f.mem, f.header = nil, nil
	return err
}

func newKey() (key [2]uint64) {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	key[0], key[1] = binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	return key
}

// Section is the memory of a section, to be used until Close; nil for a name
// that the layout does not have.
func (f *File) Section(name string) []byte {
	p := f.place(name)
	if p == nil {
		return nil
	}
	return f.mem[p.off : p.off+p.size : p.off+p.size]
}

// place is where a section lies; nil for a name that the layout does not have.
func (f *File) place(name string) *place {
	var want [maxName]byte
	if copy(want[:], name) < len(name) || f.header == nil {
		return nil
	}
	for i := range f.header.table[:f.header.sections] {
		if p := &f.header.table[i]; p.name == want {
			return p
		}
	}
	return nil
}

// Key is random, made with the file and kept with it: it keys the hashes of the
// tables inside. It is to be read before Close.
func (f *File) Key() [2]uint64 { return f.header.key }

// Resumed reports whether the sections hold what an earlier process left.
func (f *File) Resumed() bool { return f.fresh == "" }

// Why says, for the log, why the file was started afresh; it is empty where it
// was resumed.
func (f *File) Why() string { return f.fresh }

// Close unmaps the file and gives up its lock; the file stays for the next
// process. It may be called again.
func (f *File) Close() error {
	if f.fd < 0 {
		return nil
	}
	err := errors.Join(f.unmap(), unlockFile(f.fd))
	f.fd = -1
	if err != nil {
		return fmt.Errorf("close state file %s: %w", f.path, err)
	}
	return nil
}

// Remove deletes the file; what is mapped of it stays so until Close. After
// Close, a file that another process has opened meanwhile is left to it, with
// ErrInUse. A file that is gone already is no error.
func (f *File) Remove() error {
	if f.fd < 0 {
		fd, err := lockFile(f.path, 0)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		defer unlockFile(fd)
	}
	if err := os.Remove(f.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove state file: %w", err)
	}
	return nil
}
