package testnet

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Lock keeps other processes, such as the tests of another package that run at
// the same time, from what only one may do at once on this machine: it waits
// until the lock of that name is free, and returns what gives it back. A process
// that ends gives its locks back, too.
func Lock(name string) (release func(), err error) {
	path := filepath.Join(os.TempDir(), "ubnet-lock-"+name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return func() { f.Close() }, nil
}
