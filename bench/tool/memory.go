package tool

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ReadPss reads the proportional set size, in bytes, from
// /proc/PID/smaps_rollup: shared memory and mapped files count.
func ReadPss(text []byte) (uint64, error) {
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kib, err := strconv.ParseUint(f[1], 10, 53)
			return kib << 10, err
		}
	}
	return 0, errors.New("smaps_rollup has no Pss")
}

// ReadSlab reads from /proc/slabinfo how many bytes the objects of a cache take
// that are in use.
func ReadSlab(text []byte, cache string) (uint64, error) {
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 4 || f[0] != cache {
			continue
		}
		active, err := strconv.ParseUint(f[1], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("/proc/slabinfo: %w", err)
		}
		size, err := strconv.ParseUint(f[3], 10, 31)
		return active * size, err
	}
	return 0, fmt.Errorf("/proc/slabinfo has no %s", cache)
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

// ReadProcess reads the processor time of a process, its ended children left
// out, from /proc/PID/stat.
func ReadProcess(text []byte) (Ticks, error) {
	// The name, in parentheses, may hold anything.
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(f) < 13 {
		return 0, errors.New("/proc/PID/stat is cut short")
	}
	user, err := strconv.ParseUint(f[11], 10, 48)
	if err != nil {
		return 0, fmt.Errorf("/proc/PID/stat: %w", err)
	}
	system, err := strconv.ParseUint(f[12], 10, 48)
	return Ticks(user + system), err
}
