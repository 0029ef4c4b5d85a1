package tool

import (
	"fmt"
	"strconv"
	"strings"
)

// Device is what /proc/net/dev counts of one network device.
type Device struct {
	RxBytes, RxFrames, RxDropped uint64
	TxBytes, TxFrames, TxDropped uint64
}

// ReadNetDev reads the line of a device in /proc/net/dev.
func ReadNetDev(text []byte, name string) (Device, error) {
	for line := range strings.Lines(string(text)) {
		if left, right, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(left) == name {
			return device(name, strings.Fields(right))
		}
	}
	return Device{}, fmt.Errorf("/proc/net/dev has no %s", name)
}

func device(name string, fields []string) (d Device, err error) {
	if len(fields) < 16 {
		return d, fmt.Errorf("/proc/net/dev: %s has %d fields, want 16", name, len(fields))
	}
	for i, to := range map[int]*uint64{
		0: &d.RxBytes, 1: &d.RxFrames, 3: &d.RxDropped,
		8: &d.TxBytes, 9: &d.TxFrames, 11: &d.TxDropped,
	} {
		if *to, err = strconv.ParseUint(fields[i], 10, 64); err != nil {
			return Device{}, fmt.Errorf("/proc/net/dev: %s: %w", name, err)
		}
	}
	return d, nil
}
