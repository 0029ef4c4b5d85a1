package steer

import (
	"fmt"
	"net/netip"
	"sync"
)

// Indices into the words of Ports: word = protocol·WordsPerProtocol + port/64,
// bit = port%64.
const (
	WordsPerProtocol = 65536 / 64
	TCP              = 0
	UDP              = 1

	portWords = 2 * WordsPerProtocol
)

// Options choose how the host's stack is kept quiet.
type Options struct {
	// ForceNFT takes the nftables fallback even where BPF would work.
	ForceNFT bool
	// First and Last bound the pool of outside ports, inclusive. Only the
	// fallback reads them: it drops the whole range.
	First, Last uint16
}

// Steering holds the programs and what they look at. Closing it leaves the
// attached filters in force; detach them first for a clean stop.
type Steering struct {
	mu       sync.Mutex // one change of the host at a time
	backend  backend
	ports    []uint64
	fallback error
}

// backend is one way to keep the host's stack quiet.
type backend interface {
	attach(r role, ifindex int) error
	detach(r role, ifindex int) error
	setOutside(addrs []netip.Addr) error
	setRouted(subnets []Routed) error
	attachFilter(fd int) error
	filterFD() int
	close() error
}

// role says what a device is to us.
type role int

const (
	silenceRole role = iota
	uplinkRole
	shareRole  // a NIC that guests share with the host
	helperRole // the tap beside it
	hostRole   // the host's port, at its egress
	flowsRole  // an uplink, before uplinkRole
	nicInRole  // a NIC that guests share with the host: the fast path's, at its ingress
	nicOutRole // and at its egress, before shareRole
	numRoles
)

// String gives the name that the role's filter or chain carries in the kernel.
func (r role) String() string {
	return [numRoles]string{"ubridge-silence", "ubridge-uplink", "ubridge-share", "ubridge-helper", "ubridge-host", "ubridge-flows", "ubridge-nicin", "ubridge-nicout"}[r]
}

// Open loads the BPF programs, or takes the nftables fallback when the kernel
// refuses them or o asks for it; Fallback then tells why.
func Open(o Options) (*Steering, error) {
	if o.ForceNFT {
		return openNFT(o, fmt.Errorf("asked for by the configuration"))
	}
	s, err := Load()
	if err == nil {
		return s, nil
	}
	return openNFT(o, err)
}

// Load loads the BPF programs (CAP_BPF and CAP_NET_ADMIN; Linux 5.8 or later)
// with empty maps: no port held, no outside address.
func Load() (*Steering, error) {
	b, ports, err := loadBPF()
	if err != nil {
		return nil, err
	}
	return &Steering{backend: b, ports: ports}, nil
}

func openNFT(o Options, why error) (*Steering, error) {
	if o.First == 0 || o.Last < o.First {
		return nil, fmt.Errorf("nftables steering: port range %d-%d is empty", o.First, o.Last)
	}
	b, err := newNFT(o.First, o.Last)
	if err != nil {
		return nil, fmt.Errorf("%w (tried because BPF steering is off: %w)", err, why)
	}
	return &Steering{backend: b, ports: make([]uint64, portWords), fallback: why}, nil
}

// Fallback tells why nftables stands in for BPF, or nil where BPF is used. With
// the fallback only ports of the range in Options are hidden from the host, and
// `nft flush ruleset` takes the steering away until the next attach.
func (s *Steering) Fallback() error { return s.fallback }

// Ports returns the bits of the held ports, 2·WordsPerProtocol words. Writers
// use 64-bit atomic operations. The memory is valid until Close; with the
// fallback the bits are kept but have no effect.
func (s *Steering) Ports() []uint64 { return s.ports }

// SetOutside replaces the set of outside addresses (IPv4). Addresses that stay
// in the set are never absent from it meanwhile.
func (s *Steering) SetOutside(addrs []netip.Addr) error {
	for _, a := range addrs {
		if !a.Unmap().Is4() {
			return fmt.Errorf("outside address %s: not IPv4", a)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backend.setOutside(addrs)
}

// AttachSilence hides every frame that the device receives from the host's
// stack, replacing in one step what a dead daemon left there. Idempotent.
func (s *Steering) AttachSilence(ifindex int) error {
	return s.attach(silenceRole, ifindex)
}

// DetachSilence undoes AttachSilence, also that of a dead process. A device
// that is gone or was never silenced is no error.
func (s *Steering) DetachSilence(ifindex int) error {
	return s.detach(silenceRole, ifindex)
}

// AttachUplink hides packets to held ports from the host's stack, replacing in
// one step what a dead daemon left there: fill Ports and SetOutside first.
// Idempotent.
func (s *Steering) AttachUplink(ifindex int) error {
	return s.attach(uplinkRole, ifindex)
}

// DetachUplink undoes AttachUplink, also that of a dead process. A device that
// is gone or was never attached is no error.
func (s *Steering) DetachUplink(ifindex int) error {
	return s.detach(uplinkRole, ifindex)
}

func (s *Steering) attach(r role, ifindex int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backend.attach(r, ifindex)
}

func (s *Steering) detach(r role, ifindex int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backend.detach(r, ifindex)
}

// AttachFilter puts the uplink's filter on the packet socket fd, SOCK_RAW or
// SOCK_DGRAM, with or without a link header.
func (s *Steering) AttachFilter(fd int) error {
	if err := s.backend.attachFilter(fd); err != nil {
		return fmt.Errorf("uplink socket filter: %w", err)
	}
	return nil
}

// FilterFD returns the descriptor of the uplink's socket filter program for
// SO_ATTACH_BPF, or -1 with the fallback, which only AttachFilter serves. It
// belongs to the Steering.
func (s *Steering) FilterFD() int { return s.backend.filterFD() }

// Close releases maps and programs. Attached filters stay in force with the
// last contents of the maps; Ports must not be touched any more.
func (s *Steering) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ports = nil
	return s.backend.close()
}
