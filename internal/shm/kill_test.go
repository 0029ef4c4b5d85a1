package shm

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// record is an entry whose words must agree whenever its sequence is even.
type record struct {
	seq  uint64
	data [7]uint64
}

const (
	recordSize  = 64
	records     = 4096
	writerEnv   = "SHM_TEST_WRITER"
	killsToPlay = 10
)

var recordLayout = Layout{Version: 1, Sections: []SectionSpec{{"records", records * recordSize}}}

// TestMain is the writer where the environment says so.
func TestMain(m *testing.M) {
	if path := os.Getenv(writerEnv); path != "" {
		write(path)
	}
	os.Exit(m.Run())
}

// write writes records at full speed until it is killed.
func write(path string) {
	f, err := Open(path, recordLayout)
	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	table, err := Slice[record](f.Section("records"))
	if err != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString("ready\n")
	for n := f.Key()[0]; ; n++ {
		r := &table[n*0x9e3779b97f4a7c15>>52]
		busy := r.seq | 1
		atomic.StoreUint64(&r.seq, busy)
		for i := range r.data {
			r.data[i] = n
		}
		atomic.StoreUint64(&r.seq, busy+1)
	}
}

// startWriter runs this test program as a writer and waits until it writes.
func startWriter(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the writer says %q", line)
	}
	return cmd
}

// TestAKilledWriterLeavesAWholeFile kills a process that writes without pause:
// what it wrote is there, at most one record is marked unfinished, none is torn
// but marked whole, and the lock is free.
func TestAKilledWriterLeavesAWholeFile(t *testing.T) {
	path := filepath.Join(tmpfsDir(t), "state")
	for kill := range killsToPlay {
		cmd := startWriter(t, path)
		if _, err := Open(path, recordLayout); !errors.Is(err, ErrInUse) {
			t.Fatalf("opened while the writer lives: %v", err)
		}
		time.Sleep(time.Duration(5+kill) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // says that it was killed

		f := opened(t, path, recordLayout)
		if !f.Resumed() {
			t.Fatalf("not resumed: %s", f.Why())
		}
		if n := inspect(t, f); n > kill+1 { // a later writer may finish those of earlier ones
			t.Errorf("%d records unfinished after %d kills", n, kill+1)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// inspect counts the unfinished records and fails on a torn one.
func inspect(t *testing.T, f *File) (odd int) {
	t.Helper()
	table, err := Slice[record](f.Section("records"))
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	for i := range table {
		r := &table[i]
		if r.seq&1 != 0 {
			odd++
			continue
		}
		for _, v := range r.data {
			if v != r.data[0] {
				t.Errorf("record %d is torn, yet marked whole: %x", i, r.data)
			}
		}
		if r.seq != 0 {
			written++
		}
	}
	if written == 0 {
		t.Error("the writer wrote nothing")
	}
	return odd
}
