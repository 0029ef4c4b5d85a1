package dataplane

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// bell is an eventfd that ends a worker's sleep. A ring that comes before the
// sleep ends it as well.
type bell struct {
	mu sync.Mutex // keeps ring off a descriptor that is closed
	fd int        // -1 once closed
}

func (b *bell) open() (err error) {
	if b.fd, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return fmt.Errorf("make the dataplane's eventfd: %w", err)
	}
	return nil
}

// ring makes the descriptor readable. Any goroutine may call it.
func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fd >= 0 {
		// A full counter wakes as well.
		_, _ = unix.Write(b.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// drain makes it quiet. Its worker calls it, and looks afterwards at all that a
// ring may have been about.
func (b *bell) drain() {
	var count [8]byte
	_, _ = unix.Read(b.fd, count[:]) // EAGAIN: it was quiet
}

func (b *bell) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	fd := b.fd
	b.fd = -1
	return unix.Close(fd)
}
