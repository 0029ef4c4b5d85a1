package daemon

import (
	"testing"
	"time"
)

// A port is quiet for as many looks as found it as the one before, and empty.
func TestQuietPorts(t *testing.T) {
	var p seenPort
	for i, look := range []struct {
		came  uint64
		idle  bool
		quiet int
	}{
		{5, true, 0}, {5, true, 1}, {5, true, 2},
		{5, false, 0}, // the worker has not been there yet
		{5, true, 1},
		{6, true, 0}, // came and went
		{6, true, 1},
	} {
		if p = p.look(look.came, look.idle); p.quiet != look.quiet {
			t.Errorf("look %d: quiet for %d, want %d", i, p.quiet, look.quiet)
		}
	}
}

// Patience with a busy port grows with each time in which its ring did not run empty, up
// to a limit.
func TestPatience(t *testing.T) {
	last := time.Duration(0)
	for holds := range 100 {
		s := newStation{holds: holds}
		got := s.patience()
		if got < last || got > maxPatience || holds < 4 && got == last {
			t.Errorf("after %d holds %v, before that %v", holds, got, last)
		}
		last = got
	}
	if last < maxPatience/2 {
		t.Errorf("at last %v", last)
	}
}
