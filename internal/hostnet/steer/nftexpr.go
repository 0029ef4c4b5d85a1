package steer

import (
	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// dropAll is the rule `drop`.
func dropAll() []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
}

// dropRange is the rule
//
//	meta protocol ip ip daddr @outside meta l4proto { tcp, udp } th dport first-last drop
//
// Later fragments have no ports and pass: the host
// waits in vain for their first.
func dropRange(outside *nftables.Set, first, last uint16) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(unix.ETH_P_IP)},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4},
		&expr.Lookup{SourceRegister: 1, SetName: outside.Name, SetID: outside.ID},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		// 6 = 00110 and 17 = 10001: no mask matches just these two, so exclude
		// everything between them and outside them.
		&expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: []byte{unix.IPPROTO_TCP}, ToData: []byte{unix.IPPROTO_UDP}},
		&expr.Range{Op: expr.CmpOpNeq, Register: 1, FromData: []byte{unix.IPPROTO_TCP + 1}, ToData: []byte{unix.IPPROTO_UDP - 1}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Range{
			Op: expr.CmpOpEq, Register: 1,
			FromData: binaryutil.BigEndian.PutUint16(first),
			ToData:   binaryutil.BigEndian.PutUint16(last),
		},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}
}

// Ancillary offsets of linux/filter.h.
const (
	skfNetOff    = -0x100000
	skfAdOff     = -0x1000
	skfProtocol  = 0
	skfPktType   = 4
	skfVLANTag   = 44
	skfVLANThere = 48
)

// classicFilter is the uplink_socket program for the range, without outside
// addresses: packets to guests of routed subnets, ICMP, fragments, and TCP and UDP to
// ports first to last.
func classicFilter(first, last uint16, routed []Routed) []unix.SockFilter {
	load := func(size uint16, off int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | size | unix.BPF_ABS, K: uint32(off)}
	}
	jump := func(op uint16, k uint32, jt, jf uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, K: k, Jt: jt, Jf: jf}
	}
	ret := func(n uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: n}
	}
	filter := []unix.SockFilter{
		0: load(unix.BPF_W, skfAdOff+skfPktType),
		1: jump(unix.BPF_JGE, unix.PACKET_OTHERHOST, 6, 0), // also PACKET_OUTGOING
		2: load(unix.BPF_W, skfAdOff+skfProtocol),
		3: jump(unix.BPF_JEQ, unix.ETH_P_IP, 0, 4),
		4: load(unix.BPF_W, skfAdOff+skfVLANThere),
		5: jump(unix.BPF_JEQ, 0, 3, 0),
		6: load(unix.BPF_W, skfAdOff+skfVLANTag),
		7: jump(unix.BPF_JSET, 0x0fff, 0, 1),
		8: ret(0),
	}
	for _, r := range routed {
		filter = append(filter, routedFilter(r)...)
	}
	return append(filter, []unix.SockFilter{
		0:  load(unix.BPF_B, skfNetOff+9), // protocol
		1:  jump(unix.BPF_JEQ, unix.IPPROTO_ICMP, 8, 0),
		2:  jump(unix.BPF_JEQ, unix.IPPROTO_TCP, 1, 0),
		3:  jump(unix.BPF_JEQ, unix.IPPROTO_UDP, 0, 7),
		4:  load(unix.BPF_H, skfNetOff+6), // flags and fragment offset
		5:  jump(unix.BPF_JSET, 0x3fff, 4, 0),
		6:  {Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: skfNetOff & 0xffffffff}, // X = IHL·4
		7:  {Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: (skfNetOff + 2) & 0xffffffff},
		8:  jump(unix.BPF_JGE, uint32(first), 0, 2),
		9:  jump(unix.BPF_JGT, uint32(last), 1, 0),
		10: ret(0xffffffff),
		11: ret(0),
	}...)
}
