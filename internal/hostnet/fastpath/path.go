package fastpath

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ubridge/internal/hostnet/steer"
)

// Options say how much there is room for.
type Options struct {
	Stations int // of all networks together
	Flows    int // slots of the translation table; 0: no flows are put in

	// Device is the interface index of a port on which a dead daemon may have left
	// a program, whose maps are gone on with; 0 for none.
	Device int
}

// Path is the programs and what they look at. Closing it leaves attached programs in
// force.
type Path struct {
	objects fastObjects
	control []uint64
	used    []uint64
	memory  [][]byte
	resumed bool

	mu    sync.Mutex     // of the ports
	ports map[int]member // by interface index
}

// words of the control map, as in fast.c.
const (
	generationWord = iota
	changesWord
	aliveWord
	controlWords
)

// Open loads the programs with nothing to look at: every frame is for user space. It
// errs where the kernel does not take them (CAP_BPF and CAP_NET_ADMIN, Linux 5.11).
// slow is the filter of uplinks' sockets that judges what is no flow's, see steer.
func Open(o Options, slow int) (*Path, error) {
	p := &Path{ports: map[int]member{}}
	if err := p.open(o, slow); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Path) open(o Options, slow int) error {
	spec, err := loadFast()
	if err != nil {
		return err
	}
	spec.Programs[fastProgUplink].Name = steer.NICIngressName
	spec.Programs[fastProgNicHost].Name = steer.NICEgressName
	spec.Maps[fastMapStations].MaxEntries = uint32(max(o.Stations, 1))
	spec.Maps[fastMapFlows].MaxEntries = uint32(max(2*o.Flows, 1)) // both ways
	spec.Maps[fastMapUsed].MaxEntries = uint32(max(o.Flows, 1))
	if err := p.load(spec, o.Device); err != nil {
		return fmt.Errorf("load the fast path's programs (needs CAP_BPF, CAP_NET_ADMIN and Linux 5.11): %w", err)
	}
	if p.control, err = p.words(p.objects.Control); err != nil {
		return err
	}
	if p.used, err = p.words(p.objects.Used); err != nil {
		return err
	}
	if slow > 0 {
		if err := p.objects.Slow.Put(uint32(slowUplink), uint32(slow)); err != nil {
			return fmt.Errorf("name the filter of uplinks to the fast path: %w", err)
		}
	}
	return nil
}

// load loads the programs, with the maps of those on a device where they fit.
func (p *Path) load(spec *ebpf.CollectionSpec, device int) error {
	if maps, err := left(spec, device); err == nil && maps != nil {
		err = spec.LoadAndAssign(&p.objects, &ebpf.CollectionOptions{MapReplacements: maps})
		closeAll(maps) // the objects have descriptors of their own
		if p.resumed = err == nil; p.resumed {
			return p.recallPorts()
		}
	}
	return spec.LoadAndAssign(&p.objects, nil)
}

// words maps an array of words into our memory.
func (p *Path) words(m *ebpf.Map) ([]uint64, error) {
	n := int(m.MaxEntries())
	b, err := unix.Mmap(m.FD(), 0, n*8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the fast path's words: %w", err)
	}
	p.memory = append(p.memory, b)
	return unsafe.Slice((*uint64)(unsafe.Pointer(&b[0])), n), nil
}

// Resumed reports whether the maps are those of a dead daemon: counters and ages
// go on.
func (p *Path) Resumed() bool { return p.resumed }

// Reroute ends the validity of all flows, since the host's routing changed.
func (p *Path) Reroute() { atomic.AddUint64(&p.control[generationWord], 1) }

// Vouch says that the daemon lives, until a second of CLOCK_MONOTONIC. While it does, it
// hears of stations that move; after that the programs send nothing to one that was heard
// elsewhere.
func (p *Path) Vouch(until uint32) {
	atomic.StoreUint64(&p.control[aliveWord], uint64(inUnits(until)))
}

// changed ends the validity of what the programs keep of pairs of stations. It comes
// after the change.
func (p *Path) changed() { atomic.AddUint64(&p.control[changesWord], 1) }

// Generation is that of the host's routing, for Flow.Generation.
func (p *Path) Generation() uint32 { return uint32(atomic.LoadUint64(&p.control[generationWord])) }

// PortProgram is the descriptor of a guest's port's classifier, which belongs to the
// Path like those of the other programs.
func (p *Path) PortProgram() int { return p.objects.Port.FD() }

// HostProgram is the classifier of the host's port, at its egress.
func (p *Path) HostProgram() int { return p.objects.Host.FD() }

// UplinkProgram is the classifier of an uplink.
func (p *Path) UplinkProgram() int { return p.objects.Uplink.FD() }

// PortFilter is the filter of a guest's packet socket.
func (p *Path) PortFilter() int { return p.objects.PortFilter.FD() }

// UplinkFilter is the filter of an uplink's packet socket.
func (p *Path) UplinkFilter() int { return p.objects.UplinkFilter.FD() }

// Close releases maps and programs. What is attached stays in force.
func (p *Path) Close() (err error) {
	for _, b := range p.memory {
		err = errors.Join(err, unix.Munmap(b))
	}
	p.memory, p.control, p.used = nil, nil, nil
	return errors.Join(err, p.objects.Close())
}
