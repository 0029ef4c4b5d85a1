package libvirtfiles

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run opens files in a directory and writes them until the returned function is
// called.
func run(t *testing.T, o Options) (*Files, func()) {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	if o.Running == "" {
		o.Running = filepath.Join(t.TempDir(), "none")
	}
	f, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	return f, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// await waits until a file has a content.
func await(t *testing.T, path, want string) {
	t.Helper()
	var got []byte
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if got, _ = os.ReadFile(path); string(got) == want {
			return
		}
	}
	t.Fatalf("%s is %q, want %q", path, got, want)
}

func TestTheLayoutIsLibvirts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	f, stop := run(t, Options{Dir: dir, Bridge: "virbr0"})
	f.SetLeases([]Lease{
		{IP: netip.MustParseAddr("192.168.122.5"), MAC: "52:54:00:aa:00:01", Hostname: "a<b>", ClientID: "01:52:54:00:aa:00:01", Expires: 1900000001},
		{IP: netip.MustParseAddr("192.168.122.6"), MAC: "52:54:00:aa:00:02"},
	})
	await(t, dir+"/virbr0.status", `[
  {
    "ip-address": "192.168.122.5",
    "mac-address": "52:54:00:aa:00:01",
    "hostname": "a<b>",
    "client-id": "01:52:54:00:aa:00:01",
    "expiry-time": 1900000001
  },
  {
    "ip-address": "192.168.122.6",
    "mac-address": "52:54:00:aa:00:02",
    "expiry-time": 0
  }
]
`)
	f.SetGuests([]Guest{{"web", []string{"52:54:00:aa:00:01", "52:54:00:aa:00:09"}}})
	await(t, dir+"/virbr0.macs", `[
  {
    "domain": "web",
    "macs": [
      "52:54:00:aa:00:01",
      "52:54:00:aa:00:09"
    ]
  }
]
`)
	info, err := os.Stat(dir + "/virbr0.status")
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	f.SetLeases(nil)
	f.SetGuests(nil)
	await(t, dir+"/virbr0.status", "[]\n")
	await(t, dir+"/virbr0.macs", "[]\n")
	stop()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestWhatLibvirtLeftStays has files of a stopped network of libvirt's.
func TestWhatLibvirtLeftStays(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/virbr0.status"
	if err := os.WriteFile(path, []byte("[old]"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, stop := run(t, Options{Dir: dir, Bridge: "virbr0"})
	if f.Ours() {
		t.Error("libvirt's file is taken for ours")
	}
	f.SetLeases([]Lease{{IP: netip.MustParseAddr("192.0.2.1"), MAC: "x"}})
	f.SetGuests([]Guest{{"a", []string{"b"}}})
	stop() // perhaps before they were written
	got, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(got), "192.0.2.1") {
		t.Errorf("at the end the file is %q, %v", got, err)
	}
	if _, err := os.Stat(dir + "/virbr0.macs"); err == nil {
		t.Error("guests run on for libvirt")
	}
	_, stop = run(t, Options{Dir: dir, Bridge: "virbr0", Ours: true})
	stop()
	if _, err := os.Stat(path); err == nil {
		t.Error("a file that a killed daemon of ours made stays")
	}
}

func TestARunningNetworkOfLibvirtsKeepsItsFiles(t *testing.T) {
	running := t.TempDir()
	status := `<networkstatus><class_id bitmap='0-2'/><network><name>lab</name><bridge name='virbr7' stp='on'/></network></networkstatus>`
	for name, text := range map[string]string{"lab.xml": status, "broken.xml": "<a", "other": status} {
		if err := os.WriteFile(filepath.Join(running, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	_, err := Open(Options{Dir: dir, Bridge: "virbr7", Running: running})
	if err == nil || !strings.Contains(err.Error(), "virsh net-destroy lab") {
		t.Errorf("%v", err)
	}
	if _, err := Open(Options{Dir: dir, Bridge: "virbr8", Running: running}); err != nil {
		t.Errorf("another bridge: %v", err)
	}
}

func TestADirectoryThatCannotBeWrittenIsSaidOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	var log strings.Builder
	f, err := Open(Options{Dir: dir, Bridge: "ubr0", Running: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		f.SetLeases([]Lease{{Expires: int64(i)}})
		f.write()
	}
	if n := strings.Count(log.String(), "not written"); n != 1 {
		t.Errorf("said %d times: %s", n, &log)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f.SetLeases(nil)
	f.write()
	await(t, dir+"/ubr0.status", "[]\n")
}

// FuzzHasBridge: no text of another program's stops us.
func FuzzHasBridge(f *testing.F) {
	for _, seed := range []string{"<bridge name='virbr0'/>", "<a><bridge name=\"x\"", "", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<bridge xmlns:n='u' n:name='virbr0'/>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if hasBridge(strings.NewReader(text), "virbr0") && !strings.Contains(text, "bridge") {
			t.Errorf("%q has a bridge", text)
		}
	})
}

// A daemon that was killed between writing and renaming leaves a draft, which the
// next one's end takes along.
func TestNothingIsLeftOfAKilledDaemon(t *testing.T) {
	dir := t.TempDir()
	for _, suffix := range []string{".status", ".macs"} {
		if err := os.WriteFile(draft(filepath.Join(dir, "ubr0"+suffix)), []byte("["), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, stop := run(t, Options{Dir: dir, Bridge: "ubr0"})
	stop()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
