package steer

import (
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// programs is the BPF backend.
type programs struct {
	objects steerObjects
	mapping []byte
}

func loadBPF() (*programs, []uint64, error) {
	p := &programs{}
	if err := loadSteerObjects(&p.objects, nil); err != nil {
		return nil, nil, fmt.Errorf("load steering programs (needs CAP_BPF and CAP_NET_ADMIN): %w", err)
	}
	size := portWords * 8
	m, err := unix.Mmap(p.objects.Ports.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("map the held ports: %w", err), p.objects.Close())
	}
	p.mapping = m
	// The kernel maps array values of 8 bytes back to back, page aligned.
	return p, unsafe.Slice((*uint64)(unsafe.Pointer(&m[0])), portWords), nil
}

func (p *programs) program(r role) *ebpf.Program {
	if r == silenceRole {
		return p.objects.Silence
	}
	return p.objects.Uplink
}

func (p *programs) attach(r role, ifindex int) error {
	if err := replaceFilter(r, ifindex, p.program(r).FD()); err != nil {
		return err
	}
	// A predecessor may have run on the fallback; where nftables cannot be
	// asked, there is nothing of it either.
	_ = removeChain(r, ifindex)
	return nil
}

func (p *programs) detach(r role, ifindex int) error { return removeFilter(r, ifindex) }

// setOutside adds before it deletes, so that no address flickers.
func (p *programs) setOutside(addrs []netip.Addr) error {
	want := make(map[[4]byte]bool, len(addrs))
	for _, a := range addrs {
		key := a.Unmap().As4()
		want[key] = true
		if err := p.objects.Outside.Put(key, uint8(1)); err != nil {
			return fmt.Errorf("add outside address %s: %w", a, err)
		}
	}
	for _, key := range p.outside() {
		if want[key] {
			continue
		}
		if err := p.objects.Outside.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("remove outside address %s: %w", netip.AddrFrom4(key), err)
		}
	}
	return nil
}

// outside lists the addresses in the map. Nobody else writes it, so the walk
// sees each of them.
func (p *programs) outside() (keys [][4]byte) {
	var key [4]byte
	var value uint8
	for it := p.objects.Outside.Iterate(); it.Next(&key, &value); {
		keys = append(keys, key)
	}
	return keys
}

func (p *programs) filterFD() int { return p.objects.UplinkSocket.FD() }

func (p *programs) attachFilter(fd int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, p.filterFD())
}

func (p *programs) close() error {
	return errors.Join(unix.Munmap(p.mapping), p.objects.Close())
}
