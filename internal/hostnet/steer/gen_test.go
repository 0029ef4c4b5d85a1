package steer

import (
	"testing"

	"ubridge/internal/hostnet/internal/nstest"
)

// TestGeneratedCodeIsCurrent compares what is committed with what would be generated.
func TestGeneratedCodeIsCurrent(t *testing.T) { nstest.Generated(t, "steer", "share") }
