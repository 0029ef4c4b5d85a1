package afpacket

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

const (
	// blockLen is the length of the pieces the kernel allocates the ring in:
	// large enough for few of them, small enough to be found in fragmented
	// memory (order 4).
	blockLen = 64 << 10

	// used is what the kernel writes at the start of a slot: the ring's header
	// and the sender's address.
	used = unix.SizeofTpacket2Hdr + unix.SizeofSockaddrLinklayer

	// reserve is PACKET_RESERVE. The kernel puts the network header at
	// align16(used+16) + reserve + vnet header = 80 + 38 + 10 = 128.
	reserve = 38
)

// ring is a TPACKET_V2 receive ring. Slots go round: next is the one that the
// kernel fills next, the lent ones before it hold frames not yet released.
type ring struct {
	mem     []byte
	slotLen int
	slots   int
	next    int
	lent    int
}

// header is the start of a slot.
type header = unix.Tpacket2Hdr

// newRing asks for a receive ring on fd and maps it. The socket's TPACKET
// version, vnet header and reserve are set here, since none may change once
// the ring is there.
func newRing(fd, ringBytes, slotLen int) (ring, error) {
	if slotLen < 1024 || blockLen%slotLen != 0 {
		return ring{}, fmt.Errorf("ring slots of %d bytes: use a power of two from 1024 to %d", slotLen, blockLen)
	}
	blocks := max(1, (ringBytes+blockLen-1)/blockLen)
	if blocks*blockLen/slotLen < 2*frame.BatchSize {
		return ring{}, fmt.Errorf("ring of %d bytes: needs room for %d slots of %d bytes", ringBytes, 2*frame.BatchSize, slotLen)
	}
	for _, o := range []struct{ opt, val int }{
		{unix.PACKET_VERSION, unix.TPACKET_V2},
		{unix.PACKET_RESERVE, reserve},
		{unix.PACKET_COPY_THRESH, 1}, // any value but 0: queue what a slot cannot hold
	} {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, o.opt, o.val); err != nil {
			return ring{}, fmt.Errorf("set packet socket option %d: %w", o.opt, err)
		}
	}
	r := ring{slotLen: slotLen, slots: blocks * blockLen / slotLen}
	req := unix.TpacketReq{
		Block_size: blockLen, Block_nr: uint32(blocks),
		Frame_size: uint32(slotLen), Frame_nr: uint32(r.slots),
	}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return ring{}, fmt.Errorf("ask for a receive ring of %d bytes: %w", blocks*blockLen, err)
	}
	var err error
	r.mem, err = unix.Mmap(fd, 0, blocks*blockLen, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return ring{}, fmt.Errorf("map the receive ring: %w", err)
	}
	return r, nil
}

// slot is the memory of slot i.
func (r *ring) slot(i int) []byte {
	at := i * r.slotLen
	return r.mem[at : at+r.slotLen : at+r.slotLen]
}

// head is the header at the start of a slot.
func head(slot []byte) *header { return (*header)(unsafe.Pointer(unsafe.SliceData(slot))) }

// ready reports whether the kernel has filled the next slot. With all slots
// lent, the next one is a lent one and looks filled.
func (r *ring) ready() bool {
	if r.lent == r.slots {
		return false
	}
	return atomic.LoadUint32(&head(r.slot(r.next)).Status)&unix.TP_STATUS_USER != 0
}

// take lends the next filled slot; nil when there is none.
func (r *ring) take() []byte {
	if !r.ready() {
		return nil
	}
	s := r.slot(r.next)
	r.lent++
	if r.next++; r.next == r.slots {
		r.next = 0
	}
	return s
}

// release hands the lent slots back, oldest first.
func (r *ring) release() {
	i := r.next - r.lent
	if i < 0 {
		i += r.slots
	}
	for ; r.lent > 0; r.lent-- {
		atomic.StoreUint32(&head(r.slot(i)).Status, unix.TP_STATUS_KERNEL)
		if i++; i == r.slots {
			i = 0
		}
	}
}

// close unmaps the ring.
func (r *ring) close() error {
	mem := r.mem
	*r = ring{}
	if mem == nil {
		return nil
	}
	return unix.Munmap(mem)
}
