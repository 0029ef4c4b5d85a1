package steer

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// ShareMark is the SO_MARK of the packet socket by which guests send on a NIC
// that they share with the host: what bears it is not the host's. It differs from
// other marks of ubridge's, whose frames are the host's here. "ubs" in ASCII.
const ShareMark = 0x756273

// words of the control map, as in share.c.
const (
	untilWord = iota
	helperWord
	nicWord
	echoWord
	_ // the programs' own
	controlWords
)

// Share is a NIC that guests share with the host, and the helper tap by which
// frames go from one to the other.
type Share struct {
	objects shareObjects
	mapping []byte
	control []uint64

	// classic says that the programs are clsact filters; else they hang by links,
	// which end with the process. The NIC's link is nil while none is attached.
	classic     bool
	helper, nic link.Link
}

// ShareOptions say how a NIC is shared.
type ShareOptions struct {
	Stations int  // guests' stations that there is room for
	Classic  bool // clsact filters also where the kernel has tcx
}

// OpenShare loads the programs, with no guest known and the daemon not vouched
// for. CAP_BPF and CAP_NET_ADMIN; there is no fallback without eBPF.
func OpenShare(o ShareOptions) (*Share, error) {
	spec, err := loadShare()
	if err != nil {
		return nil, err
	}
	spec.Maps[shareMapGuests].MaxEntries = uint32(o.Stations)
	s := &Share{classic: o.Classic}
	if err := spec.LoadAndAssign(&s.objects, nil); err != nil {
		return nil, fmt.Errorf("load the programs of a shared NIC (needs eBPF: CAP_BPF and CAP_NET_ADMIN): %w", err)
	}
	s.mapping, err = unix.Mmap(s.objects.Control.FD(), 0, controlWords*8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("map the control words of a shared NIC: %w", err), s.objects.Close())
	}
	s.control = unsafe.Slice((*uint64)(unsafe.Pointer(&s.mapping[0])), controlWords)
	// What is handed to the host must not be taken for the LAN's. A number of its
	// own keeps daemons apart that are nested by veth, which carries tc_index.
	s.set(echoWord, uint64(rand.N(0xffff)+1))
	s.classic = s.classic || !s.hasTCX()
	return s, nil
}

// hasTCX asks the kernel by attaching to a device that cannot be there.
func (s *Share) hasTCX() bool {
	_, err := s.link(ebpf.AttachTCXEgress, s.objects.Share, math.MaxInt32)
	return !errors.Is(err, ebpf.ErrNotSupported)
}

// link attaches a program ahead of all others, which run after it.
func (s *Share) link(at ebpf.AttachType, p *ebpf.Program, ifindex int) (link.Link, error) {
	return link.AttachTCX(link.TCXOptions{Interface: ifindex, Program: p, Attach: at, Anchor: link.Head()})
}

// Classic reports whether the NIC gets a clsact filter, which outlives the
// process, and the host loses the packets of the moment in which the first one
// makes the qdisc or the last one takes it along.
func (s *Share) Classic() bool { return s.classic }

func (s *Share) set(word int, v uint64) { atomic.StoreUint64(&s.control[word], v) }

// AttachHelper hands what the tap receives from its descriptor to the NIC's
// ingress. The tap is down still: none of it may reach the host's stack there.
func (s *Share) AttachHelper(ifindex int) (err error) {
	if s.classic {
		err = replaceFilter(helperRole, ifindex, s.objects.Helper.FD())
	} else {
		s.helper, err = s.link(ebpf.AttachTCXIngress, s.objects.Helper, ifindex)
	}
	if err != nil {
		return fmt.Errorf("lead the helper's frames to the NIC: %w", err)
	}
	s.set(helperWord, uint64(ifindex))
	return nil
}

// AttachNIC begins to hand over the host's frames, replacing in one step what a
// dead daemon left there: put the guests in and Vouch first.
func (s *Share) AttachNIC(ifindex int) (err error) {
	s.set(nicWord, uint64(ifindex))
	if s.classic {
		return replaceFilter(shareRole, ifindex, s.objects.Share.FD())
	}
	if s.nic, err = s.link(ebpf.AttachTCXEgress, s.objects.Share, ifindex); err != nil {
		return fmt.Errorf("see what the host sends on device %d: %w", ifindex, err)
	}
	return nil
}

// Leave undoes AttachNIC but for a clsact filter, which DetachShare takes away.
func (s *Share) Leave() error {
	s.set(nicWord, 0)
	if s.nic == nil {
		return nil
	}
	l := s.nic
	s.nic = nil
	return l.Close()
}

// DetachShare removes a clsact filter, also that of a dead process. A device that
// is gone or has none is no error.
func DetachShare(ifindex int) error { return removeFilter(shareRole, ifindex) }

// Vouch says for how long the daemon takes what the host sends to guests. After
// it the NIC's filter is as if it were not there.
func (s *Share) Vouch(d time.Duration) error {
	if d <= 0 {
		s.set(untilWord, 0)
		return nil
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("read the monotonic clock: %w", err)
	}
	s.set(untilWord, uint64(now.Nano()+d.Nanoseconds()))
	return nil
}

// entry is an element of the map of guests on its way to the kernel.
type entry struct {
	mac   [6]byte
	guest uint8
}

// Guests decide how often they are added and removed, so that memory is used again.
var entries = sync.Pool{New: func() any { return &entry{guest: 1} }}

// Add makes a station a guest's: what the host sends to it is handed over. It
// does not wait or allocate, and may be called from anywhere.
func (s *Share) Add(mac [6]byte) error {
	e := entries.Get().(*entry)
	defer entries.Put(e)
	e.mac = mac
	if err := s.objects.Guests.Put(&e.mac, &e.guest); err != nil {
		return fmt.Errorf("hand frames to guest %x over: %w", mac, err)
	}
	return nil
}

// Remove undoes Add, in the same way.
func (s *Share) Remove(mac [6]byte) error {
	e := entries.Get().(*entry)
	defer entries.Put(e)
	e.mac = mac
	if err := s.objects.Guests.Delete(&e.mac); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("stop handing frames to guest %x over: %w", mac, err)
	}
	return nil
}

// Guests lists the stations in the map. Beside Add and Remove one may be missed
// or listed twice.
func (s *Share) Guests() (list [][6]byte, err error) {
	var key [6]byte
	var value uint8
	it := s.objects.Guests.Iterate()
	for it.Next(&key, &value) {
		list = append(list, key)
	}
	if err := it.Err(); err != nil && !errors.Is(err, ebpf.ErrIterationAborted) {
		return nil, fmt.Errorf("list the guests of a shared NIC: %w", err)
	}
	return list, nil
}

// FilterFD is the program for SO_ATTACH_BPF on the NIC's packet socket: it keeps
// out the host's own unicast and what the helper hands to the host. It belongs to
// the Share.
func (s *Share) FilterFD() int { return s.objects.ShareSocket.FD() }

// Close releases links, maps and programs. A clsact filter stays in force, and
// hands nothing over any more once the time of Vouch is up.
func (s *Share) Close() error {
	err := s.Leave()
	if s.helper != nil {
		err = errors.Join(err, s.helper.Close())
	}
	s.control = nil
	return errors.Join(err, unix.Munmap(s.mapping), s.objects.Close())
}
