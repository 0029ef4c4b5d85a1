package tap

import (
	"fmt"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

// Config says which tap to open.
type Config struct {
	// Name is the device, in the calling thread's network namespace. It is made
	// where it does not exist, and goes away with the port then; empty or with a
	// %d, the kernel chooses the name.
	Name string

	// NoVnet leaves the vnet header out: the kernel cuts superframes and
	// finishes checksums before we read, and Caps promises nothing.
	NoVnet bool
}

// Open opens a tap. It needs CAP_NET_ADMIN, or to be the owner of an existing
// persistent tap, and /dev/net/tun.
func Open(c Config) (*Port, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun (is the tun module loaded?): %w", err)
	}
	p := &Port{fd: fd, ctl: -1}
	p.tx.port = p
	if err := p.setUp(c); err != nil {
		p.Close()
		return nil, fmt.Errorf("open tap %q: %w", c.Name, err)
	}
	return p, nil
}

// setUp attaches the descriptor to the device and learns about it.
func (p *Port) setUp(c Config) error {
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if !c.NoVnet {
		flags |= unix.IFF_VNET_HDR
		p.vnet = frame.VnetLen
	}
	ifr, err := unix.NewIfreq(c.Name)
	if err != nil {
		return err
	}
	ifr.SetUint16(flags)
	if err := unix.IoctlIfreq(p.fd, unix.TUNSETIFF, ifr); err != nil {
		return fmt.Errorf("attach (needs CAP_NET_ADMIN; busy when another process has it open): %w", err)
	}
	p.name = ifr.Name()
	if err := p.negotiate(); err != nil {
		return err
	}
	if p.ctl, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open a socket to ask for the device's state: %w", err)
	}
	return p.describe()
}

// negotiate agrees with the kernel on the vnet header and on what it may leave
// undone in frames that we read.
func (p *Port) negotiate() error {
	if p.vnet == 0 {
		return unix.IoctlSetInt(p.fd, unix.TUNSETOFFLOAD, 0)
	}
	if err := unix.IoctlSetPointerInt(p.fd, unix.TUNSETVNETHDRSZ, p.vnet); err != nil {
		return fmt.Errorf("set length of vnet header: %w", err)
	}
	const tso = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6
	const uso = unix.TUN_F_USO4 | unix.TUN_F_USO6
	for _, offer := range []int{tso | unix.TUN_F_TSO_ECN | uso, tso | unix.TUN_F_TSO_ECN, tso, unix.TUN_F_CSUM, 0} {
		if unix.IoctlSetInt(p.fd, unix.TUNSETOFFLOAD, offer) == nil {
			// What the kernel takes from us does not depend on what we take from
			// it, but it learned UDP superframes both ways at once.
			p.caps = frame.Caps{Csum: true, TSO4: true, TSO6: true, USO: offer&uso != 0}
			return nil
		}
	}
	return fmt.Errorf("set offloads: all refused")
}

// describe reads the device's index and MTU.
func (p *Port) describe() error {
	ifr, err := unix.NewIfreq(p.name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(p.ctl, unix.SIOCGIFINDEX, ifr); err != nil {
		return fmt.Errorf("read the device's index: %w", err)
	}
	p.ifindex = int(ifr.Uint32())
	if err := unix.IoctlIfreq(p.ctl, unix.SIOCGIFMTU, ifr); err != nil {
		return fmt.Errorf("read the device's MTU: %w", err)
	}
	p.caps.MTU = int(ifr.Uint32())
	return nil
}
