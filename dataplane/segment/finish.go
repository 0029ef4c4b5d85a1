package segment

import (
	"encoding/binary"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// Finish completes the unfinished checksum of f in place, so f must be nobody
// else's. It reports false, and changes nothing, for a superframe, which has no
// checksum of its own, and for an offload that lies about f.
func Finish(f *frame.Frame) bool {
	o := f.Offload
	if o.IsGSO() || !o.Valid(f.Len()) {
		return false
	}
	if o.NeedsCsum() {
		finish(f.Bytes(), o)
		f.Offload = frame.Offload{}
	}
	return true
}

// finish sums b from the checksum's start to its end, the pseudo-header's sum
// in the field included. A checksum of zero is sent as 0xffff, which is the same
// number: in UDP zero means that there is none (RFC 768).
func finish(b []byte, o frame.Offload) {
	part := b[o.CsumStart:]
	sum := ^wire.Fold(wire.Sum(part, 0))
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(part[o.CsumOffset:], sum)
}
