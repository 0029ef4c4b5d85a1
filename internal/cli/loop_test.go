package cli

import (
	"slices"
	"testing"

	"ubridge/internal/api"
)

// A held port is named wherever somebody looks for it.
func TestALoopIsShown(t *testing.T) {
	lines := infoLines(api.NetworkInfo{Loops: api.Loops{{Port: "vnet1", With: "vnet0"}}})
	if !slices.Contains(lines, [2]string{"Loop", "vnet1 and vnet0 are joined outside; nothing is flooded from or to vnet1"}) {
		t.Errorf("net info: %v", lines)
	}
	if got := portState(api.Port{State: api.StateUp, Loop: "vnet0"}); got != "up, loop with vnet0" {
		t.Errorf("port list: %q", got)
	}
}
