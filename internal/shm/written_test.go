package shm

import (
	"path/filepath"
	"testing"
)

func TestWrittenEndsWithTheLastPageStoredTo(t *testing.T) {
	f := opened(t, filepath.Join(tmpfsDir(t), "state"), Layout{Version: 1, Sections: []SectionSpec{{"a", 64 << 12}, {"b", 64 << 12}}})
	want := func(name string, bytes int) {
		t.Helper()
		if n, err := f.Written(name); n != bytes || err != nil {
			t.Errorf("section %s: %d, %v, want %d", name, n, err, bytes)
		}
	}
	want("a", 0)
	want("b", 0)
	want("none", 0)
	f.Section("b")[0] = 1
	want("a", 0)
	want("b", 1<<12)
	f.Section("a")[3<<12] = 1 // after a hole
	want("a", 4<<12)
	f.Section("a")[64<<12-1] = 1
	want("a", 64<<12)
	want("b", 1<<12)
}
