package fdb

import (
	"fmt"
	"time"
)

// SetAgeing changes how long a silent station is remembered, in whole seconds
// within the bounds of New. A shorter time holds for stations that are known
// already. Nobody else may use the table meanwhile: every lookup reads it.
func (t *Table) SetAgeing(d time.Duration) error {
	if d < time.Second || d > maxAgeing || d%time.Second != 0 {
		return fmt.Errorf("forwarding database: ageing of %s: give 1 to 1,000,000 whole seconds", d)
	}
	t.ageing = uint32(d / time.Second)
	t.change() // what callers remember of a lookup was judged by the old time
	t.change()
	return nil
}

// SetPortLimit changes how many stations may be learned on one port; zero is no
// limit but the table's own. A port that has more keeps them until they age.
// Nobody else may use the table meanwhile.
func (t *Table) SetPortLimit(n int) {
	t.limit = ^uint32(0)
	if n > 0 {
		t.limit = uint32(n)
	}
}
