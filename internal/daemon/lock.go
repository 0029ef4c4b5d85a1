package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"ubridge/internal/api"
)

// lock is the state directory's lock: one daemon at a time.
type lock struct{ file *os.File }

// takeLock locks dir and writes who holds it. A second daemon learns from the
// error who the first is.
func takeLock(dir string) (*lock, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, dirError("state directory", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		f.Close()
		return nil, fmt.Errorf("state directory %s is in use by %s: stop that daemon, or give this one another --state-dir",
			dir, orUnknown(strings.TrimSpace(string(holder))))
	}
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	fmt.Fprintf(f, "ubridge, pid %d\n", os.Getpid())
	return &lock{f}, nil
}

func orUnknown(s string) string {
	if s == "" {
		return "another process"
	}
	return s
}

// release gives the lock up. The file stays: removing it would let two daemons
// lock two files of the same name. Unlocking is said, because a child that is being
// started at this moment has a copy of the descriptor until its exec, and closing ours
// alone leaves the lock to that copy (flock(2)).
func (l *lock) release() error {
	return errors.Join(l.file.Truncate(0), syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}

// dirError names a directory and the fix.
func dirError(what, dir string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return api.Errorf(api.Permission, "%s %s: %v: run as root (sudo ubridge run)", what, dir, err)
	}
	return fmt.Errorf("%s %s: %w", what, dir, err)
}

// makeDir makes a directory that only the daemon reads.
func makeDir(what, dir string, mode os.FileMode) error {
	if err := os.MkdirAll(dir, mode); err != nil {
		return dirError(what, dir, err)
	}
	return nil
}
