package hostnet

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sys/unix"
)

// Holders are sockets that keep ports from the host; closing them gives the
// ports back.
type Holders []int

var _ io.Closer = Holders(nil)

// HoldPorts takes n single ports, each for TCP and UDP on every local IPv4
// address, from the host's own range and outside avoid. It returns those that
// it got, ascending; fewer than n is no error. The sockets are bound only, so
// they neither listen nor receive connections; datagrams to them are dropped by
// the kernel as soon as steer hides the port (10 µs and about 4 KiB each).
func HoldPorts(n int, avoid PortRange) ([]uint16, Holders, error) {
	var ports []uint16
	var held Holders
	for misses := 0; len(ports) < n && misses < n+16; {
		port, pair, err := holdPort(avoid)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("hold port %d of %d: %w", len(ports)+1, n, err), held.Close())
		}
		if pair == nil {
			misses++
			continue
		}
		ports, held = append(ports, port), append(held, pair...)
	}
	slices.Sort(ports)
	return ports, held, nil
}

// HoldPort takes one port for TCP and UDP, such as one that a process before
// held. No sockets without an error means that a socket of the host has it.
func HoldPort(port uint16) (held Holders, err error) {
	for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM} {
		fd, _, err := bind(kind, port)
		if errors.Is(err, unix.EADDRINUSE) {
			return nil, held.Close()
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("hold port %d: %w", port, err), held.Close())
		}
		held = append(held, fd)
	}
	return held, nil
}

// Close closes every socket.
func (h Holders) Close() (err error) {
	for _, fd := range h {
		err = errors.Join(err, unix.Close(fd))
	}
	return err
}

// holdPort lets the kernel choose a TCP port and binds the same for UDP; no
// sockets without an error means that the port would not do, or none is left.
func holdPort(avoid PortRange) (uint16, Holders, error) {
	tcp, port, err := bind(unix.SOCK_STREAM, 0)
	if errors.Is(err, unix.EADDRINUSE) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	if avoid.Contains(port) {
		return 0, nil, unix.Close(tcp)
	}
	udp, _, err := bind(unix.SOCK_DGRAM, port)
	if errors.Is(err, unix.EADDRINUSE) {
		return 0, nil, unix.Close(tcp)
	}
	if err != nil {
		return 0, nil, errors.Join(err, unix.Close(tcp))
	}
	return port, Holders{tcp, udp}, nil
}

// bind binds a new socket on 0.0.0.0; port 0 lets the kernel choose.
func bind(kind int, port uint16) (fd int, bound uint16, err error) {
	fd, err = unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, 0, fmt.Errorf("open a socket (raise the limit on open files?): %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(port)})
	if err == nil {
		var name unix.Sockaddr
		if name, err = unix.Getsockname(fd); err == nil {
			return fd, uint16(name.(*unix.SockaddrInet4).Port), nil
		}
	}
	return -1, 0, errors.Join(err, unix.Close(fd))
}
