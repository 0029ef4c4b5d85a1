package loop

import (
	"hash/maphash"
	"time"
)

// The thresholds: see the package's documentation.
const (
	Returns  = 50               // frames that came back within a second
	HoldTime = 10 * time.Second // without a sign of the loop, until its port is whole again
	Pause    = time.Second      // between two ports of one network
	Fresh    = 2                // seconds since a station sent something by its own port, for its frame elsewhere to be a sign
)

const (
	slots  = 64  // frames of a second that are known again
	headed = 128 // bytes of a frame that tell it from others
)

var seed = maphash.MakeSeed()

// Watch is what one port has seen of frames that come back. The zero Watch has
// seen nothing.
type Watch struct {
	second uint32
	back   uint32
	seen   [slots]uint64 // hashes; 0 for none
}

// Strayed notes a frame that came in at second now, is for many, and whose station
// was known on another port. It reports whether that makes a loop, once for every
// Returns frames that came back.
func (w *Watch) Strayed(frame []byte, now uint32) bool {
	if now != w.second {
		*w = Watch{second: now}
	}
	h := maphash.Bytes(seed, frame[:min(len(frame), headed)]) | 1
	switch at := &w.seen[h>>1%slots]; *at {
	case 0:
		*at = h
	case h:
		w.back++
		return w.back%Returns == 0
	}
	return false
}

// Back is how many frames came back in second now, or in the one before it.
func (w *Watch) Back(now uint32) int {
	if now-w.second > 1 {
		return 0
	}
	return int(w.back)
}
