package dhcpd

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"math/bits"
	"net/netip"
	"slices"
)

// pool numbers the addresses of some ranges from 0 and keeps one bit for each:
// set if the address is anything but fresh.
type pool struct {
	spans []span
	size  uint32
	taken []uint64 // bits past size are set
}

// span is one range: addresses first … first+count-1 have the numbers base ….
type span struct{ first, count, base uint32 }

func newPool(ranges []Range) *pool {
	ranges = slices.SortedFunc(slices.Values(ranges), func(a, b Range) int { return a.First.Compare(b.First) })
	p := &pool{}
	for _, r := range ranges {
		s := span{first: toUint(r.First), base: p.size}
		s.count = toUint(r.Last) - s.first + 1
		p.spans = append(p.spans, s)
		p.size += s.count
	}
	p.taken = make([]uint64, (p.size+63)/64)
	if tail := p.size % 64; tail != 0 {
		p.taken[len(p.taken)-1] = ^uint64(0) << tail
	}
	return p
}

// number returns the address's place in the pool.
func (p *pool) number(a netip.Addr) (uint32, bool) {
	v := toUint(a)
	i, exact := slices.BinarySearchFunc(p.spans, v, func(s span, v uint32) int {
		return cmp.Compare(s.first, v)
	})
	if !exact {
		i--
	}
	if i < 0 || v-p.spans[i].first >= p.spans[i].count {
		return 0, false
	}
	return p.spans[i].base + v - p.spans[i].first, true
}

func (p *pool) contains(a netip.Addr) bool {
	_, ok := p.number(a)
	return ok
}

func (p *pool) addr(n uint32) netip.Addr {
	i, exact := slices.BinarySearchFunc(p.spans, n, func(s span, n uint32) int {
		return cmp.Compare(s.base, n)
	})
	if !exact {
		i--
	}
	return fromUint(p.spans[i].first + n - p.spans[i].base)
}

// set notes whether a is taken; an address outside the pool is ignored.
func (p *pool) set(a netip.Addr, taken bool) {
	n, ok := p.number(a)
	switch {
	case !ok:
	case taken:
		p.taken[n/64] |= 1 << (n % 64)
	default:
		p.taken[n/64] &^= 1 << (n % 64)
	}
}

// fresh reports whether a is in the pool and not taken.
func (p *pool) fresh(a netip.Addr) bool {
	n, ok := p.number(a)
	return ok && p.taken[n/64]&(1<<(n%64)) == 0
}

// nextFresh returns the first address not taken at or after the number start,
// going round at the end.
func (p *pool) nextFresh(start uint32) (netip.Addr, bool) {
	words := uint32(len(p.taken))
	mask := ^uint64(0) << (start % 64) // of the first word, its bits from start on
	for i := uint32(0); i <= words && words > 0; i++ {
		w := (start/64 + i) % words
		if free := ^p.taken[w] & mask; free != 0 {
			return p.addr(w*64 + uint32(bits.TrailingZeros64(free))), true
		}
		mask = ^uint64(0) // and in the last round the rest of the first word
	}
	return netip.Addr{}, false
}

// home is where the search for a client's first address starts. The hash has
// no key on purpose: it must survive a restart, and the worst that a guest can
// do by choosing its hardware address is to lengthen a scan over bits.
func (p *pool) home(mac [6]byte) uint32 {
	if p.size == 0 {
		return 0
	}
	h := fnv.New32a()
	h.Write(mac[:])
	return h.Sum32() % p.size
}

func toUint(a netip.Addr) uint32 {
	if !a.Is4() {
		return 0
	}
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func fromUint(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}
