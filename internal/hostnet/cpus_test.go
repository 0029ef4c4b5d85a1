package hostnet

import (
	"testing"

	"golang.org/x/sys/unix"
)

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
