package nat

import "math/bits"

// hasher is a keyed hash of three words. Guests choose addresses and ports, so
// without the key they could aim all flows at one place of an index.
type hasher struct{ k0, k1, k2 uint64 }

func newHasher(seed [2]uint64) hasher {
	// An odd third key makes the last multiplication a bijection of its low half.
	return hasher{seed[0], seed[1], bits.RotateLeft64(seed[0]^0x9e3779b97f4a7c15, 29) ^ seed[1] | 1}
}

// sum folds two 64×64→128-bit multiplications, which costs a few cycles where a
// cryptographic hash would cost as much as all the rest of a packet.
func (h *hasher) sum(a, b, c uint64) uint32 {
	hi, lo := bits.Mul64(a^h.k0, b^h.k1)
	hi, lo = bits.Mul64(hi^lo^c, h.k2)
	x := hi ^ lo
	return uint32(x ^ x>>32)
}
