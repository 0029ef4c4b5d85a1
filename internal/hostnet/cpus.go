package hostnet

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// IdleShare is how much of the time of the CPUs that this process may use is idle, over
// the next d, 0 to 1.
func IdleShare(ctx context.Context, d time.Duration) (float64, error) {
	var ours unix.CPUSet
	if err := unix.SchedGetaffinity(0, &ours); err != nil {
		return 0, fmt.Errorf("read the CPUs that may be used: %w", err)
	}
	before, err := readCPUTimes(&ours)
	if err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	after, err := readCPUTimes(&ours)
	if err != nil {
		return 0, err
	}
	return before.idleUntil(after), nil
}

// cpuTimes are times of CPUs since boot, in ticks of /proc/stat.
type cpuTimes struct{ idle, all uint64 }

func (t cpuTimes) idleUntil(later cpuTimes) float64 {
	if later.all <= t.all || later.idle < t.idle { // a CPU went offline or came back
		return 0
	}
	return float64(later.idle-t.idle) / float64(later.all-t.all)
}

func readCPUTimes(of *unix.CPUSet) (cpuTimes, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return cpuTimes{}, err
	}
	return sumCPUTimes(text, of)
}

// sumCPUTimes adds up the lines of some CPUs in the text of /proc/stat (proc_stat(5)):
// user, nice, system, idle, iowait, irq, softirq, steal.
func sumCPUTimes(text []byte, of *unix.CPUSet) (sum cpuTimes, err error) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, times, _ := strings.Cut(lines.Text(), " ")
		cpu, err := strconv.Atoi(strings.TrimPrefix(name, "cpu"))
		if err != nil || !strings.HasPrefix(name, "cpu") || !of.IsSet(cpu) {
			continue
		}
		fields := strings.Fields(times)
		if len(fields) < 8 {
			return cpuTimes{}, fmt.Errorf("/proc/stat: %q has no eight times", lines.Text())
		}
		for i, field := range fields[:8] {
			n, err := strconv.ParseUint(field, 10, 64)
			if err != nil {
				return cpuTimes{}, fmt.Errorf("/proc/stat: %w", err)
			}
			if sum.all += n; i == 3 || i == 4 {
				sum.idle += n
			}
		}
	}
	if sum.all == 0 {
		return cpuTimes{}, fmt.Errorf("/proc/stat has none of the CPUs that may be used")
	}
	return sum, nil
}
