package daemon

import (
	"testing"

	"golang.org/x/sys/unix"

	"ubridge/dataplane"
)

func TestWhenWorkersAreGathered(t *testing.T) {
	paced, full, idle := dataplane.Load{Share: 0.6, Paced: true}, dataplane.Load{Share: 0.97}, dataplane.Load{Share: 0.1}
	for _, c := range []struct {
		name     string
		gathered bool
		idle     float64
		loads    []dataplane.Load
		want     bool
	}{
		{"small batches, no room", false, 0.01, []dataplane.Load{paced, paced}, true},
		{"small batches, room", false, 0.5, []dataplane.Load{paced, paced}, false},
		{"full batches, no room", false, 0, []dataplane.Load{paced, full}, false},
		{"one works", false, 0, []dataplane.Load{paced, idle}, false},
		{"two of three work", false, 0, []dataplane.Load{idle, paced, paced}, true},
		{"gathered, at its limit, no room", true, 0.1, []dataplane.Load{full, idle}, true},
		{"gathered, at its limit, room", true, 0.4, []dataplane.Load{full, idle}, false},
		{"gathered, not at its limit", true, 0.4, []dataplane.Load{{Share: 0.5}, idle}, true},
	} {
		if got := wantGathered(c.gathered, c.idle, c.loads); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestCPUTimes(t *testing.T) {
	const stat = "cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 10 0 20 60 10 0 0 0 0 0\ncpu1 1000 0 0 0 0 0 0 0 0 0\ncpu12 5 0 0 5 0 0 0 0 0 0\nintr 5\n"
	var of unix.CPUSet
	of.Set(0)
	of.Set(12)
	got, err := sumCPUTimes([]byte(stat), &of)
	if want := (cpuTimes{idle: 75, all: 110}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if s := (cpuTimes{10, 100}).idleUntil(cpuTimes{30, 140}); s != 0.5 {
		t.Errorf("idle share %v", s)
	}
	of.Zero()
	of.Set(3)
	for name, text := range map[string]string{"no such CPU": stat, "short line": "cpu3 1 2\n", "no number": "cpu3 1 2 3 x 5 6 7 8\n"} {
		if _, err := sumCPUTimes([]byte(text), &of); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
