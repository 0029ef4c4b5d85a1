package daemon

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"ubridge/internal/config"
	"ubridge/internal/hostnet"
	"ubridge/internal/wire"
)

// defaultSubnet is where automatic subnets begin, as libvirt's default network.
var defaultSubnet = netip.MustParsePrefix("192.168.122.0/24")

// chooseAddress picks the gateway's address and prefix. A pinned subnet that is
// in use is an error that names what uses it; an automatic one is the one used
// before, if it is still free, or the next free one, and moved says that it is
// not the first choice. What is on the network's own device, left by a daemon
// that was killed, is no use by others.
func chooseAddress(def config.Network, last netip.Prefix, own string) (addr netip.Prefix, moved string, err error) {
	want := def.Address
	if !def.Pinned() {
		want = gatewayOf(defaultSubnet)
		if last.IsValid() {
			want = last
		}
	}
	what, taken, err := hostnet.Conflict(want.Masked(), own)
	switch {
	case err != nil:
		return netip.Prefix{}, "", err
	case !taken:
		return want, "", nil
	case def.Pinned():
		return netip.Prefix{}, "", fmt.Errorf("network %s: its subnet %s is in use on this host (%s): set another address, or none for a free one",
			def.Name, want.Masked(), what)
	}
	free, err := hostnet.FreeSubnet(defaultSubnet, own)
	if err != nil {
		return netip.Prefix{}, "", fmt.Errorf("network %s: %w: set address in its definition", def.Name, err)
	}
	return gatewayOf(free), fmt.Sprintf("%s is in use on this host (%s)", want.Masked(), what), nil
}

// gatewayOf is the first host address of a subnet, with its prefix length.
func gatewayOf(subnet netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(subnet.Masked().Addr().Next(), subnet.Bits())
}

// chooseBridge names the host port's device: as defined, as before, or the next
// ubrN that neither the host nor another network has.
func chooseBridge(def config.Network, last string, taken []string) (string, error) {
	if def.Bridge != "" {
		return def.Bridge, nil
	}
	if last != "" && !slices.Contains(taken, last) {
		return last, nil
	}
	for i := range 256 {
		name := fmt.Sprintf("ubr%d", i)
		if _, err := net.InterfaceByName(name); err != nil && !slices.Contains(taken, name) {
			return name, nil
		}
	}
	return "", fmt.Errorf("network %s: ubr0 to ubr255 are taken: set bridge in its definition", def.Name)
}

// newMAC makes a gateway address in QEMU's range, as libvirt does for bridges.
func newMAC(random func([]byte)) wire.MAC {
	m := wire.MAC{0x52, 0x54, 0x00}
	random(m[3:])
	return m
}
