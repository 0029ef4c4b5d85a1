package natting

import (
	"errors"
	"syscall"
)

// option is a Control function that sets a socket option to a number.
func option(level, name, value int) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), level, name, value) })
		return errors.Join(err, failed)
	}
}

// reuse lets one local port connect to several servers.
var reuse = option(syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
