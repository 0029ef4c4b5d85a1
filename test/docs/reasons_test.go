package docs

import (
	"testing"

	"ubridge/dataplane/frame"
)

// docs/troubleshooting.md explains every reason to drop a frame, once, and none
// that is not there.
func TestEveryReasonIsExplained(t *testing.T) {
	rows := map[string]int{}
	for _, cells := range readPage(t, "docs/troubleshooting.md").rows() {
		name := spans(cells[0])
		if len(name) != 1 {
			continue // the header
		}
		rows[name[0]]++
		if len(cells) != 3 || len(cells[1]) < 10 || cells[2] == "" {
			t.Errorf("%s: what it means and what to do is missing: %q", name[0], cells)
		}
	}
	for r := frame.Forwarded + 1; r < frame.NumReasons; r++ {
		if rows[r.String()] != 1 {
			t.Errorf("reason %s has %d rows, want 1", r, rows[r.String()])
		}
		delete(rows, r.String())
	}
	for name := range rows {
		t.Errorf("%s is no reason of dataplane/frame/reason.go", name)
	}
}
