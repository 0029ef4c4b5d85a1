package tool

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ReadPss reads the proportional set size, in bytes, from
// /proc/PID/smaps_rollup: shared memory and mapped files count.
func ReadPss(text []byte) (uint64, error) {
	return ReadMeminfo(text, "Pss")
}

// ReadMeminfo reads a line of /proc/meminfo, or of a file in its form, that
// counts in kB, as bytes.
func ReadMeminfo(text []byte, name string) (uint64, error) {
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == name+":" {
			kib, err := strconv.ParseUint(f[1], 10, 53)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("there is no line %q among the kernel's", name)
}

// ReadMapped reads from /proc/PID/maps how many bytes are mapped of files whose
// name begins so.
func ReadMapped(text []byte, name string) (sum uint64, err error) {
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasPrefix(f[5], name) {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		begin, err := strconv.ParseUint(from, 16, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/PID/maps: %w", err)
		}
		end, err := strconv.ParseUint(to, 16, 64)
		if err != nil || end < begin {
			return 0, fmt.Errorf("/proc/PID/maps: %q is no range", f[0])
		}
		sum += end - begin
	}
	return sum, nil
}

// ReadSchedstat reads the processor time of a thread, to the nanosecond, from
// /proc/PID/task/TID/schedstat (sched-stats in the kernel's documentation).
func ReadSchedstat(text []byte) (time.Duration, error) {
	first, _, _ := strings.Cut(string(text), " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("schedstat: %w", err)
	}
	return time.Duration(ns), nil
}
