package shm

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// fallback is where state goes if the runtime directory is on a disk, and the
// start of the directory's name there.
const (
	fallback       = "/dev/shm"
	fallbackPrefix = "ubridge-"
)

// Dir chooses the directory for state files: the runtime directory where that is
// on a tmpfs, else a directory of our own in /dev/shm, named by a hash of the
// runtime directory's path, so that two daemons have two. note says so, for the
// log; it is empty for the runtime directory on a tmpfs. Where neither is on a
// tmpfs, the runtime directory serves, slower. The runtime directory must exist.
func Dir(runtime string) (dir, note string, err error) {
	tmpfs, err := onTmpfs(runtime)
	if err != nil {
		return "", "", fmt.Errorf("runtime directory %s: %w", runtime, err)
	}
	if tmpfs {
		return runtime, "", nil
	}
	if tmpfs, err := onTmpfs(fallback); err != nil || !tmpfs {
		return runtime, fmt.Sprintf("%s is not on a tmpfs, and neither is %s: the kernel writes the tables to disk now and then", runtime, fallback), nil
	}
	path, err := canonical(runtime)
	if err != nil {
		return "", "", fmt.Errorf("runtime directory %s: %w", runtime, err)
	}
	hash := sha256.Sum256([]byte(path))
	dir = filepath.Join(fallback, fmt.Sprintf("%s%x", fallbackPrefix, hash[:8]))
	if err := makePrivate(dir); err != nil {
		return "", "", fmt.Errorf("state directory %s: %w", dir, err)
	}
	return dir, fmt.Sprintf("%s is not on a tmpfs", runtime), nil
}

// RemoveDir removes a directory that Dir made in /dev/shm, if it is empty; it
// leaves any other alone.
func RemoveDir(dir string) error {
	if filepath.Dir(dir) != fallback || !strings.HasPrefix(filepath.Base(dir), fallbackPrefix) {
		return nil
	}
	err := unix.Rmdir(dir)
	if err == nil || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTEMPTY) {
		return nil
	}
	return fmt.Errorf("remove state directory %s: %w", dir, err)
}

// canonical is the one name of a directory, whatever links lead to it.
func canonical(dir string) (string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// makePrivate makes a directory for our user alone, or checks that it is one.
func makePrivate(dir string) error {
	if err := unix.Mkdir(dir, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return errors.New("it is no directory, and not ubridge's: remove it")
	} else if err != nil {
		return err
	}
	defer unix.Close(fd)
	return own(fd, unix.S_IFDIR, 0o700)
}

func onTmpfs(dir string) (bool, error) {
	var st unix.Statfs_t
	err := unix.Statfs(dir, &st)
	return st.Type == unix.TMPFS_MAGIC, err
}

// fits checks that the filesystem has room for what a sparse file may yet grow
// to: a store to a page that it cannot give kills the process.
func fits(fd int, size uint64) error {
	var fs unix.Statfs_t
	var st unix.Stat_t
	if err := errors.Join(unix.Fstatfs(fd, &fs), unix.Fstat(fd, &st)); err != nil {
		return err
	}
	if fs.Blocks == 0 { // a tmpfs without a limit
		return nil
	}
	have := uint64(st.Blocks)*512 + fs.Bavail*uint64(fs.Bsize)
	if have < size {
		return fmt.Errorf("it may grow to %d KiB, and its filesystem has %d: free some, or choose another --runtime-dir", size>>10, have>>10)
	}
	return nil
}

// bootID names one run of the kernel, as a UUID.
type bootID [36]byte

func readBootID() (id bootID, err error) {
	const path = "/proc/sys/kernel/random/boot_id"
	b, err := os.ReadFile(path)
	if err != nil {
		return id, fmt.Errorf("read the boot id: %w: mount /proc", err)
	}
	if b = bytes.TrimSpace(b); copy(id[:], b) != len(b) || len(b) != len(id) {
		return id, fmt.Errorf("%s says %q, which is no UUID", path, b)
	}
	return id, nil
}
