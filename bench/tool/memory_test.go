package tool_test

import (
	"testing"

	"ubridge/bench/tool"
)

func TestMemoryAndTimesOfAProcess(t *testing.T) {
	if v, err := tool.ReadPss([]byte("00400000-7ffd ---p 0 0 0 [rollup]\nRss: 9 kB\nPss:     12 kB\nPss_Anon: 3 kB\n")); v != 12<<10 || err != nil {
		t.Errorf("Pss %d, %v", v, err)
	}
	slabs := []byte("# name\nnf_conntrack_expect 7 7 7 7 7\nnf_conntrack  144 208 256 16 1 : tunables\n")
	if v, err := tool.ReadSlab(slabs, "nf_conntrack"); v != 144*256 || err != nil {
		t.Errorf("slab %d, %v", v, err)
	}
	maps := []byte("1000-3000 rw-s 00000000 00:08 1 socket:[12]\n5000-6000 rw-p 00000000 00:00 0 \n8000-9000 rw-s 0 0:8 2 socket:[13]\n")
	if v, err := tool.ReadMapped(maps, "socket:["); v != 0x3000 || err != nil {
		t.Errorf("mapped %#x, %v", v, err)
	}
	stat := []byte("7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0\n")
	if v, err := tool.ReadProcess(stat); v != 42 || err != nil {
		t.Errorf("ticks %d, %v", v, err)
	}
	for _, text := range []string{"", "nf_conntrack x y z\n", "Pss: many kB\n", "1 (x) S 1"} {
		if _, err := tool.ReadPss([]byte(text)); err == nil {
			t.Errorf("Pss of %q", text)
		}
		if _, err := tool.ReadSlab([]byte(text), "nf_conntrack"); err == nil {
			t.Errorf("slab of %q", text)
		}
		if _, err := tool.ReadProcess([]byte(text)); err == nil {
			t.Errorf("process of %q", text)
		}
	}
	if _, err := tool.ReadMapped([]byte("9-1 rw-s 0 0:8 2 socket:[13]\n"), "socket:["); err == nil {
		t.Error("a range that ends before it begins")
	}
}
