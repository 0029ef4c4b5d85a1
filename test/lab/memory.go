package lab

import (
	"fmt"
	"os"
	"strings"
)

// RingBytes is the memory of the receive rings that the daemon has mapped: the
// kernel's, pinned.
func (d *Daemon) RingBytes() (sum int) {
	d.net.T.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", d.Pid()))
	if err != nil {
		d.net.T.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		var from, to int
		if !strings.Contains(line, "socket:[") {
			continue
		}
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil {
			d.net.T.Fatalf("line of /proc/PID/maps: %q", line)
		}
		sum += to - from
	}
	return sum
}

// Resident is the daemon's resident memory in bytes.
func (d *Daemon) Resident() int {
	d.net.T.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.Pid()))
	if err != nil {
		d.net.T.Fatal(err)
	}
	var kib int
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		d.net.T.Fatalf("VmRSS of the daemon: %v", err)
	}
	return kib << 10
}
