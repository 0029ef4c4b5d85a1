package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxPath is the longest path of a unix socket: sun_path less the final zero
// (linux/un.h).
const maxPath = 107

// Listener is the control socket. Closing it removes the file.
type Listener struct {
	*net.UnixListener
	group int // that may change things; -1: none
}

// Listen makes the control socket: 0660 root:group where the group exists and
// the caller is root, 0600 otherwise; never wider, not even for an instant. A
// socket that nobody answers is replaced; Conflict if a daemon answers there.
// The folder is made if it is missing. An empty group means none.
func Listen(path, group string) (*Listener, error) {
	if len(path) > maxPath {
		return nil, Errorf(Failed, "socket %s: the path is longer than %d bytes; use a shorter --socket", path, maxPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, pathError("socket folder", err)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	lc := net.ListenConfig{Control: private}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, pathError("socket "+path, err)
	}
	gid, err := openToGroup(path, group)
	if err != nil {
		_ = l.Close() // the first error tells more
		return nil, err
	}
	return &Listener{UnixListener: l.(*net.UnixListener), group: gid}, nil
}

// private sets the mode before bind: the file gets the mode of the socket's
// inode less the umask (unix_bind_bsd in net/unix/af_unix.c).
func private(_, _ string, c syscall.RawConn) error {
	var err error
	ctlErr := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) })
	return errors.Join(ctlErr, err)
}

// openToGroup hands the socket to the group, if there is one and we are root.
func openToGroup(path, group string) (gid int, err error) {
	g, err := user.LookupGroup(group)
	if group == "" || err != nil || os.Geteuid() != 0 {
		return -1, nil // 0600: root alone
	}
	if gid, err = strconv.Atoi(g.Gid); err != nil {
		return -1, Errorf(Failed, "group %s: %v", group, err)
	}
	if err := os.Chown(path, 0, gid); err != nil {
		return -1, pathError("socket "+path, err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return -1, pathError("socket "+path, err)
	}
	return gid, nil
}

// removeStale removes a socket that a killed daemon left.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return pathError("socket "+path, err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return Errorf(Conflict, "%s is there and is no socket; remove it or use another --socket", path)
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		_ = c.Close() // it was only to see who answers
		return Errorf(Conflict, "another ubridge answers on %s; stop it or use another --socket", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return pathError("socket "+path, err)
	}
	if err := os.Remove(path); err != nil {
		return pathError("stale socket "+path, err)
	}
	return nil
}

// pathError gives an error of the file system its code.
func pathError(what string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return Errorf(Permission, "%s: %v; run as root, or name another place with --socket", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
