package traffic

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// packetSocket opens a packet socket on a device of the thread's namespace.
// Protocol 0 receives nothing.
func packetSocket(device string, protocol uint16) (int, error) {
	dev, err := net.InterfaceByName(device)
	if err != nil {
		return -1, fmt.Errorf("packet socket on %s: %w", device, err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: swap(protocol), Ifindex: dev.Index}); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("packet socket on %s: %w", device, err)
	}
	return fd, nil
}

// swap gives a protocol in network byte order, as the kernel wants it.
func swap(v uint16) uint16 { return v<<8 | v>>8 }
