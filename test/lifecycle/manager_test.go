package lifecycle

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ubridge/test/lab"
)

// TestTheServiceManagerIsTold stands in for systemd: the daemon says when it is
// ready, that it is alive, and when it stops (sd_notify(3)).
func TestTheServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifenotify")
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	told := func() string {
		t.Helper()
		_ = manager.SetReadDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, 4096)
		got, err := manager.Read(b)
		if err != nil {
			t.Fatalf("nothing is told: %v", err)
		}
		return string(b[:got])
	}
	d := n.Start(lab.Options{Prefix: []string{"env", "NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=300000"}})
	seen := map[string]int{}
	for seen["READY=1\nSTATUS=1 networks active"] == 0 || seen["WATCHDOG=1"] < 3 {
		if seen[told()]++; len(seen) > 2 {
			t.Fatalf("told %v", seen)
		}
	}
	d.Stop()
	var last string
	for last = told(); last == "WATCHDOG=1"; last = told() {
	}
	if !strings.HasPrefix(last, "STOPPING=1") {
		t.Errorf("told %q at the stop", last)
	}
}
