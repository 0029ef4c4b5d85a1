package tool_test

import (
	"testing"

	"ubridge/bench/tool"
)

func TestMemoryAndTimesOfAProcess(t *testing.T) {
	if v, err := tool.ReadPss([]byte("00400000-7ffd ---p 0 0 0 [rollup]\nRss: 9 kB\nPss:     12 kB\nPss_Anon: 3 kB\n")); v != 12<<10 || err != nil {
		t.Errorf("Pss %d, %v", v, err)
	}
	if v, err := tool.ReadMeminfo([]byte("Slab: 9 kB\nSUnreclaim:     3 kB\n"), "SUnreclaim"); v != 3<<10 || err != nil {
		t.Errorf("slabs %d, %v", v, err)
	}
	maps := []byte("1000-3000 rw-s 00000000 00:08 1 socket:[12]\n5000-6000 rw-p 00000000 00:00 0 \n8000-9000 rw-s 0 0:8 2 socket:[13]\n")
	if v, err := tool.ReadMapped(maps, "socket:["); v != 0x3000 || err != nil {
		t.Errorf("mapped %#x, %v", v, err)
	}
	if v, err := tool.ReadSchedstat([]byte("4200 17 3\n")); v != 4200 || err != nil {
		t.Errorf("time %d, %v", v, err)
	}
	for _, text := range []string{"", "Pss: many kB\n", "x 1"} {
		if _, err := tool.ReadPss([]byte(text)); err == nil {
			t.Errorf("Pss of %q", text)
		}
		if _, err := tool.ReadSchedstat([]byte(text)); err == nil {
			t.Errorf("time of %q", text)
		}
	}
	if _, err := tool.ReadMapped([]byte("9-1 rw-s 0 0:8 2 socket:[13]\n"), "socket:["); err == nil {
		t.Error("a range that ends before it begins")
	}
}
