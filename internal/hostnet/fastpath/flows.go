package fastpath

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"
)

// Flow is a translated flow that the kernel may do alone. Addresses are as on the
// wire, ports numbers; of an echo InsidePort and OutsidePort are the identifiers and
// RemotePort is 0.
type Flow struct {
	Slot                                int // in the translation table, for Used
	Network                             uint16
	Protocol                            uint8 // of IP
	Inside, Outside, Remote             [4]byte
	InsidePort, OutsidePort, RemotePort uint16

	Guest, Station [6]byte // the guest's address and its network's own
	GuestMTU       int     // bytes of packet
	OutwardOnly    bool    // what comes in is for user space: nothing has yet

	// The way out, true in Generation of the host's routing.
	Generation      uint32
	Uplink          int // interface index
	NextHop, Source [6]byte
	MTU             int  // bytes of packet
	OnlyUplink      bool // what comes in by another device is for user space
}

type pair struct {
	key   fastTuple
	value fastFlow
}

var pairs = sync.Pool{New: func() any { return new(pair) }}

// PutFlow lets the kernel do a flow, in place of what it knew of it. It errs where
// there is no room.
func (p *Path) PutFlow(f *Flow) error {
	e := pairs.Get().(*pair)
	defer pairs.Put(e)
	uplink, ok := p.find(f.Uplink)
	if !ok || !uplink.is(Uplink) {
		return errNoUplink
	}
	atomic.StoreUint64(&p.used[f.Slot], 0)
	if !f.OutwardOnly {
		e.inward(f)
		if err := p.objects.Flows.Put(&e.key, &e.value); err != nil {
			return fmt.Errorf("tell the kernel of a flow: %w", err)
		}
	}
	e.outward(f)
	e.value.Index = uplink.Uplink
	if err := p.objects.Flows.Put(&e.key, &e.value); err != nil {
		return errors.Join(fmt.Errorf("tell the kernel of a flow: %w", err), p.DropFlow(f))
	}
	return nil
}

var errNoUplink = errors.New("the flow's uplink is not on the fast path")

// ClearFlows makes all flows user space's again.
func (p *Path) ClearFlows() error {
	keys, values := make([]fastTuple, batch), make([]fastFlow, batch)
	for {
		var cursor ebpf.MapBatchCursor
		n, err := p.objects.Flows.BatchLookupAndDelete(&cursor, keys, values, nil)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take flows from the kernel: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}

// DropFlow makes a flow user space's again. Slot, Network, Protocol, addresses and
// ports are looked at.
func (p *Path) DropFlow(f *Flow) error {
	e := pairs.Get().(*pair)
	defer pairs.Put(e)
	e.outward(f)
	err := p.objects.Flows.Delete(&e.key)
	e.inward(f)
	return errors.Join(absent(err), absent(p.objects.Flows.Delete(&e.key)))
}

func absent(err error) error {
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	}
	return err
}

// outward is the flow as its guest's packets show it, and inward as those from
// outside do.
func (e *pair) outward(f *Flow) {
	e.key = fastTuple{
		Saddr: be32(f.Inside), Daddr: be32(f.Remote), Sport: be16(f.InsidePort), Dport: be16(f.RemotePort),
		Network: f.Network, Protocol: f.Protocol,
	}
	e.value = fastFlow{
		Was: e.key, Addr: be32(f.Outside), Port: be16(f.OutsidePort), Mtu: mtu(f.MTU), Generation: f.Generation, Slot: uint32(f.Slot),
		Ifindex: uint32(f.Uplink), Dst: f.NextHop, Src: f.Source, Guest: f.Guest,
	}
}

func (e *pair) inward(f *Flow) {
	e.key = fastTuple{
		Saddr: be32(f.Remote), Daddr: be32(f.Outside), Sport: be16(f.RemotePort), Dport: be16(f.OutsidePort),
		Protocol: f.Protocol, Inward: 1,
	}
	e.value = fastFlow{
		Was: e.key, Addr: be32(f.Inside), Port: be16(f.InsidePort), Mtu: mtu(f.GuestMTU), Generation: f.Generation, Slot: uint32(f.Slot),
		Network: f.Network, Dst: f.Guest, Src: f.Station,
	}
	if f.OnlyUplink {
		e.value.Ifindex = uint32(f.Uplink)
	}
}

// mtu, be32 and be16 put numbers as the programs have them.
func mtu(n int) uint16 { return uint16(min(n, 0xffff)) }

func be32(a [4]byte) uint32 { return binary.NativeEndian.Uint32(a[:]) }

func be16(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(make([]byte, 0, 2), n))
}
