package shm

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDirOnATmpfsIsTheRuntimeDirectory(t *testing.T) {
	want := tmpfsDir(t)
	dir, note, err := Dir(want)
	if err != nil || dir != want || note != "" {
		t.Errorf("%s, %q, %v", dir, note, err)
	}
	if err := RemoveDir(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(want); err != nil {
		t.Errorf("the runtime directory is removed: %v", err)
	}
}

// onDisk is a directory that is not on a tmpfs.
func onDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if tmpfs, err := onTmpfs(dir); err != nil || tmpfs {
		t.Skipf("%s is on a tmpfs (%v)", dir, err)
	}
	tmpfsDir(t) // or skip
	return dir
}

func TestDirOnADiskGoesToDevShm(t *testing.T) {
	runtime := onDisk(t)
	dir, note, err := Dir(runtime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if !strings.HasPrefix(dir, "/dev/shm/ubridge-") || !strings.Contains(note, runtime) {
		t.Fatalf("%s, %q", dir, note)
	}
	if st, err := os.Lstat(dir); err != nil || st.Mode() != os.ModeDir|0o700 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	link := filepath.Join(t.TempDir(), "run")
	if err := os.Symlink(runtime, link); err != nil {
		t.Fatal(err)
	}
	if again, _, err := Dir(link); err != nil || again != dir {
		t.Errorf("by another name: %s, %v", again, err)
	}
	other, _, err := Dir(onDisk(t))
	if err != nil || other == dir {
		t.Errorf("another runtime directory: %s, %v", other, err)
	}
	if err := RemoveDir(other); err != nil {
		t.Error(err)
	}

	f := opened(t, filepath.Join(dir, "state"), testLayout)
	if err := RemoveDir(dir); err != nil { // it is not empty
		t.Error(err)
	}
	if err := errors.Join(f.Remove(), RemoveDir(dir), RemoveDir(dir)); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after RemoveDir: %v", err)
	}
}

func TestDirRefusesWhatAnotherUserPrepared(t *testing.T) {
	runtime := onDisk(t)
	dir, _, err := Dir(runtime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Dir(runtime); err != nil {
		t.Fatal(err)
	}
	if st, _ := os.Lstat(dir); st.Mode().Perm() != 0o700 {
		t.Errorf("left open to others: %v", st.Mode())
	}
	if err := os.Chown(dir, 65534, 65534); err == nil {
		if _, _, err := Dir(runtime); err == nil || !strings.Contains(err.Error(), "65534") {
			t.Errorf("a directory of another user: %v", err)
		}
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Dir(runtime); err == nil || !strings.Contains(err.Error(), "no directory") {
		t.Errorf("a link: %v", err)
	}
}

func TestDirNeedsTheRuntimeDirectory(t *testing.T) {
	if _, _, err := Dir(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestBootIDIsTheKernels(t *testing.T) {
	first, err := readBootID()
	if err != nil {
		t.Fatal(err)
	}
	if second, err := readBootID(); err != nil || first != second || strings.Count(string(first[:]), "-") != 4 {
		t.Errorf("%s, then %s, %v", first, second, err)
	}
}
