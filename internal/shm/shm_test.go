package shm

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var testLayout = Layout{Version: 3, Sections: []SectionSpec{{"stations", 5000}, {"sessions", 8192}, {"bits", 1}}}

// tmpfsDir is a directory on a tmpfs, as state files have.
func tmpfsDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shm-test-")
	if err != nil {
		t.Skipf("no tmpfs: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// opened opens a file and closes it with the test.
func opened(t *testing.T, path string, l Layout) *File {
	t.Helper()
	f, err := Open(path, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestANewFileIsZeroedSparseAndPrivate(t *testing.T) {
	path := filepath.Join(tmpfsDir(t), "state")
	f := opened(t, path, Layout{Version: 1, Sections: []SectionSpec{{"big", 64 << 20}, {"odd", 13}}})
	if f.Resumed() || f.Why() == "" {
		t.Error("a new file is resumed")
	}
	big, odd := f.Section("big"), f.Section("odd")
	if len(big) != 64<<20 || len(odd) != 13 || cap(odd) != 13 || f.Section("none") != nil || f.Section(strings.Repeat("x", 99)) != nil {
		t.Fatalf("sections of %d and %d bytes", len(big), len(odd))
	}
	if !bytes.Equal(odd, make([]byte, 13)) {
		t.Error("not zeroed")
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if st.Mode&0o7777 != 0o600 || st.Blocks*512 > 1<<20 {
		t.Errorf("mode %#o, %d KiB used", st.Mode&0o7777, st.Blocks/2)
	}
	if f.Key() == ([2]uint64{}) {
		t.Error("no key")
	}
}

func TestResume(t *testing.T) {
	path := filepath.Join(tmpfsDir(t), "state")
	first := opened(t, path, testLayout)
	copy(first.Section("sessions"), "established")
	key := first.Key()
	if err := errors.Join(first.Close(), first.Close()); err != nil {
		t.Fatal(err)
	}
	second := opened(t, path, testLayout)
	if !second.Resumed() || second.Why() != "" || second.Key() != key {
		t.Errorf("resumed %t (%s), key %x, was %x", second.Resumed(), second.Why(), second.Key(), key)
	}
	if got := second.Section("sessions")[:11]; string(got) != "established" {
		t.Errorf("section holds %q", got)
	}
	for _, name := range []string{"stations", "bits"} {
		if s := second.Section(name); !bytes.Equal(s, make([]byte, len(s))) {
			t.Errorf("section %s is written through another", name)
		}
	}
}

func TestWhatCannotBeResumedStartsAfresh(t *testing.T) {
	with := func(change func(*Layout)) Layout {
		l := Layout{testLayout.Version, append([]SectionSpec(nil), testLayout.Sections...)}
		change(&l)
		return l
	}
	same, now := testLayout, bootID{1}
	truncate := func(n int64) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.Truncate(path, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	overwrite := func(at int64, b []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(b, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := map[string]struct {
		l      Layout
		boot   bootID
		before func(*testing.T, string)
		why    string
	}{
		"another layout version":           {with(func(l *Layout) { l.Version = 4 }), now, nil, "layout version 3, this ubridge has 4"},
		"another boot":                     {same, bootID{2}, nil, "booted"},
		"a larger section":                 {with(func(l *Layout) { l.Sections[0].Size = 9000 }), now, nil, "bytes instead of"},
		"a larger section, as many pages":  {with(func(l *Layout) { l.Sections[0].Size = 5001 }), now, nil, "tables are others"},
		"another name":                     {with(func(l *Layout) { l.Sections[0].Name = "x" }), now, nil, "tables are others"},
		"another order":                    {with(func(l *Layout) { s := l.Sections; s[0], s[1] = s[1], s[0] }), now, nil, "tables are others"},
		"cut short":                        {same, now, truncate(5000), "has 5000 bytes"},
		"emptied":                          {same, now, truncate(0), "not there"},
		"a file whose making was cut off":  {same, now, overwrite(0, make([]byte, 8)), "never finished"},
		"garbage":                          {same, now, overwrite(0, bytes.Repeat([]byte{0xa5}, 4096)), "never finished"},
		"garbage in the table of sections": {same, now, overwrite(300, bytes.Repeat([]byte{0xa5}, 3000)), "tables are others"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(tmpfsDir(t), "state")
			old, err := open(path, testLayout, bootID{1})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range testLayout.Sections {
				copy(old.Section(s.Name), bytes.Repeat([]byte("old"), s.Size))
			}
			key := old.Key()
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			if tt.before != nil {
				tt.before(t, path)
			}
			f, err := open(path, tt.l, tt.boot)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.Resumed() || !strings.Contains(f.Why(), tt.why) || f.Key() == key {
				t.Errorf("resumed %t because %q, key kept: %t", f.Resumed(), f.Why(), f.Key() == key)
			}
			for _, s := range tt.l.Sections {
				if b := f.Section(s.Name); !bytes.Equal(b, make([]byte, s.Size)) {
					t.Errorf("section %s is not zeroed", s.Name)
				}
			}
		})
	}
}

func TestLayoutsThatNoFileCanHave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	for want, l := range map[string]Layout{
		"give 1 to 64":    {},
		"there twice":     {Sections: []SectionSpec{{"a", 1}, {"a", 1}}},
		"1 to 24 bytes":   {Sections: []SectionSpec{{"", 1}}},
		"1 to 1099511627": {Sections: []SectionSpec{{"a", 0}}},
		"more than":       {Sections: []SectionSpec{{"a", 1 << 40}, {"b", 1}}},
	} {
		if _, err := Open(path, l); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error that says %q, got %v", want, err)
		}
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("a file is made for a layout that is refused")
	}
}

func TestAFileThatCannotGrowIsRefused(t *testing.T) {
	dir := tmpfsDir(t)
	path := filepath.Join(dir, "state")
	_, err := Open(path, Layout{Sections: []SectionSpec{{"a", maxSize - pageSize}}})
	if err == nil || !strings.Contains(err.Error(), "may grow to") {
		t.Errorf("a terabyte on %s: %v", dir, err)
	}
	opened(t, path, testLayout) // the lock is not kept
}

func TestTwoDaemonsCannotShareAFile(t *testing.T) {
	path := filepath.Join(tmpfsDir(t), "state")
	first := opened(t, path, testLayout)
	if _, err := Open(path, testLayout); !errors.Is(err, ErrInUse) {
		t.Errorf("second: %v", err)
	}
	copy(first.Section("bits"), "x") // still mapped
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	opened(t, path, testLayout)
}

func TestRemove(t *testing.T) {
	path := filepath.Join(tmpfsDir(t), "state")
	first := opened(t, path, testLayout)
	if err := errors.Join(first.Remove(), first.Remove()); err != nil {
		t.Fatal(err)
	}
	second := opened(t, path, testLayout) // another file of that name
	if second.Resumed() {
		t.Error("a removed file is resumed")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Remove(); !errors.Is(err, ErrInUse) {
		t.Errorf("another's file is removed: %v", err)
	}
	if err := errors.Join(second.Close(), second.Remove(), second.Remove()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Remove: %v", err)
	}
}

func TestForeignFilesAreRefused(t *testing.T) {
	tests := map[string]struct {
		make func(path string) error
		want string
	}{
		"symbolic link": {func(path string) error { return os.Symlink(path+"-target", path) }, "symbolic link"},
		"directory":     {func(path string) error { return os.Mkdir(path, 0o700) }, "directory"},
		"named pipe":    {func(path string) error { return unix.Mkfifo(path, 0o600) }, "another type"},
		"file of another user": {func(path string) error {
			if err := os.WriteFile(path, nil, 0o666); err != nil {
				return err
			}
			return os.Chown(path, 65534, 65534)
		}, "user 65534"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(tmpfsDir(t), "state")
			if err := tt.make(path); errors.Is(err, os.ErrPermission) {
				t.Skip("needs root")
			} else if err != nil {
				t.Fatal(err)
			}
			_, err := Open(path, testLayout)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want an error that says %q, got %v", tt.want, err)
			}
			if _, err := os.Lstat(path + "-target"); err == nil {
				t.Error("a file is made through the link")
			}
		})
	}
}

func TestAFileOpenToOthersIsClosedToThem(t *testing.T) {
	path := filepath.Join(tmpfsDir(t), "state")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	opened(t, path, testLayout)
	if st, err := os.Stat(path); err != nil || st.Mode() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}
