package shm

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrInUse is what Open and Remove answer for a file that another process has
// open, most likely another daemon.
var ErrInUse = errors.New("in use by another process: stop the other ubridge, or give this one another --runtime-dir")

// lockFile opens a file of our own and locks it. A file that was replaced or
// removed between the two is opened again.
func lockFile(path string, flags int) (fd int, err error) {
	for range 10 {
		fd, err = openOwn(path, flags)
		if err != nil {
			return -1, fmt.Errorf("state file %s: %w", path, err)
		}
		if err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err == nil && isAt(fd, path) {
			return fd, nil
		}
		unix.Close(fd)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return -1, fmt.Errorf("state file %s is %w", path, ErrInUse)
		} else if err != nil {
			return -1, fmt.Errorf("lock state file %s: %w", path, err)
		}
	}
	return -1, fmt.Errorf("state file %s is removed again and again by another process", path)
}

// unlockFile gives the lock up and closes fd. Closing alone would leave the lock to a
// copy of the descriptor, which a child has until its exec (flock(2)).
func unlockFile(fd int) error {
	return errors.Join(unix.Flock(fd, unix.LOCK_UN), unix.Close(fd))
}

// openOwn opens a regular file that belongs to our user, and to no one else to
// read.
func openOwn(path string, flags int) (fd int, err error) {
	fd, err = unix.Open(path, flags|unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return -1, errors.New("it is a symbolic link, which ubridge did not make: remove it")
	} else if err != nil {
		return -1, err
	}
	if err := own(fd, unix.S_IFREG, 0o600); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// own checks that fd is of a type (S_IF…) and belongs to our user, and sets its
// mode if it is another.
func own(fd int, typ, mode uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	switch {
	case st.Mode&unix.S_IFMT != typ:
		return fmt.Errorf("it is of another type (%#o): remove it", st.Mode&unix.S_IFMT)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("it belongs to user %d, not to ours (%d): remove it", st.Uid, os.Geteuid())
	case st.Mode&0o7777 == mode:
		return nil
	}
	return unix.Fchmod(fd, mode)
}

// isAt reports whether the file that is open as fd is still the one at path.
func isAt(fd int, path string) bool {
	var open, named unix.Stat_t
	return unix.Fstat(fd, &open) == nil && unix.Lstat(path, &named) == nil &&
		open.Dev == named.Dev && open.Ino == named.Ino
}
