package steer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Routed is a subnet (IPv4) whose guests are reached as they are. Its network and
// broadcast addresses and Host, the host's own address in it, stay the host's.
type Routed struct {
	Subnet netip.Prefix
	Host   netip.Addr
}

// SetRouted replaces the routed subnets: what comes in on an uplink for a guest of
// one is hidden from the host's stack and let through to the packet socket. Subnets
// that stay are never absent from it meanwhile. With the fallback, sockets that are
// open need AttachFilter again.
func (s *Steering) SetRouted(subnets []Routed) error {
	for _, r := range subnets {
		if !r.Subnet.Addr().Is4() || !r.Subnet.Contains(r.Host) {
			return fmt.Errorf("routed subnet %s with host %s: not IPv4, or not within", r.Subnet, r.Host)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backend.setRouted(subnets)
}

// kept are the addresses of the subnet that are the host's.
func (r Routed) kept() []netip.Addr {
	return []netip.Addr{r.Host, r.Subnet.Masked().Addr(), r.broadcast()}
}

func (r Routed) broadcast() netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, word(r.Subnet.Masked().Addr())|^r.mask())))
}

func (r Routed) mask() uint32 { return ^uint32(0) << (32 - r.Subnet.Bits()) }

// word is an address as a number.
func word(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func prefixKey(a netip.Addr, bits int) steerPrefix {
	b := a.As4()
	return steerPrefix{Bits: uint32(bits), Addr: binary.NativeEndian.Uint32(b[:])}
}

// setRouted marks the host's addresses before the subnet that they lie in, and adds
// before it deletes.
func (p *programs) setRouted(subnets []Routed) error {
	want := map[steerPrefix]bool{}
	put := func(key steerPrefix, guest uint8) error {
		want[key] = true
		return p.objects.Routed.Put(key, guest)
	}
	for _, r := range subnets {
		for _, a := range r.kept() {
			if err := put(prefixKey(a, 32), 0); err != nil {
				return fmt.Errorf("keep %s for the host: %w", a, err)
			}
		}
		if err := put(prefixKey(r.Subnet.Masked().Addr(), r.Subnet.Bits()), 1); err != nil {
			return fmt.Errorf("add routed subnet %s: %w", r.Subnet, err)
		}
	}
	for _, guests := range []bool{true, false} { // the subnets first, then what was kept in them
		if err := p.removeRouted(want, guests); err != nil {
			return err
		}
	}
	return nil
}

// removeRouted deletes the subnets, or the host's addresses, that are not wanted.
func (p *programs) removeRouted(want map[steerPrefix]bool, guests bool) error {
	var key steerPrefix
	var value uint8
	var old []steerPrefix
	for it := p.objects.Routed.Iterate(); it.Next(&key, &value); {
		if !want[key] && (value != 0) == guests {
			old = append(old, key)
		}
	}
	for _, key := range old {
		if err := p.objects.Routed.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("remove a routed subnet of %d bits: %w", key.Bits, err)
		}
	}
	return nil
}

// setRouted rewrites the chains of all uplinks.
func (n *ruleset) setRouted(subnets []Routed) error {
	n.routed = subnets
	for ifindex := range n.uplinks {
		err := n.attach(uplinkRole, ifindex)
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			delete(n.uplinks, ifindex)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropRouted is the rule
//
//	meta protocol ip ip daddr != HOST … ip daddr SUBNET drop
func dropRouted(r Routed) []expr.Any {
	rule := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(unix.ETH_P_IP)},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4},
	}
	for _, a := range r.kept() {
		rule = append(rule, &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: a.AsSlice()})
	}
	return append(rule,
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.BigEndian.PutUint32(r.mask()), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: r.Subnet.Masked().Addr().AsSlice()},
		&expr.Verdict{Kind: expr.VerdictDrop},
	)
}

// routedFilter is the part of the classic filter that lets a subnet's guests through
// and goes on behind itself with anything else.
func routedFilter(r Routed) []unix.SockFilter {
	skip := func(a netip.Addr, over uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: word(a), Jt: over}
	}
	kept := r.kept()
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: (skfNetOff + 16) & 0xffffffff},
		skip(kept[0], 5), skip(kept[1], 4), skip(kept[2], 3),
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: r.mask()},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: word(r.Subnet.Masked().Addr()), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	}
}
