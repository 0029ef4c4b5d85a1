package fastpath

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// SetNetwork tells of a network's own station: gateway's address, and whether its
// DHCP and DNS are user space's.
func (p *Path) SetNetwork(id uint16, gateway netip.Prefix, services bool) error {
	a := gateway.Addr().As4()
	mask := ^uint32(0) << (32 - gateway.Bits())
	v := fastNetwork{Gateway: binary.NativeEndian.Uint32(a[:])}
	v.Mask = binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, mask))
	if services {
		v.Services = 1
	}
	if err := p.objects.Networks.Put(id, v); err != nil {
		return fmt.Errorf("tell the kernel of network %s: %w", gateway, err)
	}
	return nil
}

// RemoveNetwork undoes SetNetwork.
func (p *Path) RemoveNetwork(id uint16) error {
	return absent(p.objects.Networks.Delete(id))
}
