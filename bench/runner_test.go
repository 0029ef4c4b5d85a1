package bench

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// Whatever happens in an attempt, what it has set up is removed, last first.
func TestAttemptsCleanUp(t *testing.T) {
	for what, c := range map[string]struct {
		end  func(r *runner)
		want string
	}{
		"well":         {func(*runner) {}, ""},
		"by Fatalf":    {func(r *runner) { r.Fatalf("no %s", "way") }, "no way"},
		"by an error":  {func(r *runner) { r.Errorf("first"); r.Errorf("second") }, "first"},
		"by a panic":   {func(*runner) { panic("oh") }, "panic: oh"},
		"in a cleanup": {func(r *runner) { r.Cleanup(func() { panic("late") }) }, "panic: late"},
	} {
		r := &runner{notes: &bytes.Buffer{}}
		var undone []int
		r.Cleanup(func() { undone = append(undone, 0) })
		err := r.attempt(forever, func() {
			r.Cleanup(func() { undone = append(undone, 1) })
			r.Cleanup(func() { undone = append(undone, 2) })
			c.end(r)
		})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
		if !slices.Equal(undone, []int{2, 1}) {
			t.Errorf("%s: removed %v, want 2, 1", what, undone)
		}
		if err := r.attempt(forever, func() {}); err != nil {
			t.Errorf("%s: the next attempt fails as well: %v", what, err)
		}
	}
}

// An attempt within an attempt removes only its own.
func TestAttemptsNest(t *testing.T) {
	r := &runner{notes: &bytes.Buffer{}}
	var undone []string
	err := r.attempt(forever, func() {
		r.Cleanup(func() { undone = append(undone, "ends") })
		if err := r.attempt(forever, func() {
			r.Cleanup(func() { undone = append(undone, "bed") })
			r.Fatalf("bed")
		}); err == nil {
			t.Error("the inner failure is lost")
		}
		undone = append(undone, "between")
	})
	if err != nil || !slices.Equal(undone, []string{"bed", "between", "ends"}) {
		t.Errorf("%v %v", undone, err)
	}
	if errors.Is(err, errStopped) {
		t.Error(err)
	}
}

// What does not come back must not hold the run, nor is its bed touched.
func TestAttemptsThatAreStuckEnd(t *testing.T) {
	r := &runner{notes: &bytes.Buffer{}}
	release := make(chan struct{})
	defer close(release)
	removed := false
	err := r.attempt(time.Millisecond, func() {
		r.Cleanup(func() { removed = true })
		<-release
	})
	if !errors.Is(err, errStuck) || removed {
		t.Errorf("%v, removed: %v", err, removed)
	}
}
