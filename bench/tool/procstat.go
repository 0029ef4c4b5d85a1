package tool

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Ticks are the unit of /proc/stat: USER_HZ is 100 on all that we run on. A
// time.Duration holds 292 years, which many CPUs have together within one.
type Ticks uint64

// Seconds of processor time.
func (t Ticks) Seconds() float64 { return float64(t) / 100 }

// since is never negative: the kernel's idle times may step back (proc(5)).
func (t Ticks) since(before Ticks) Ticks { return max(t, before) - before }

// Processor is the time of all CPUs together since the machine has started.
type Processor struct {
	Busy  Ticks // at work, interrupts of both kinds included
	Idle  Ticks // idle, or waiting for a disk
	Steal Ticks // wanted, but given to another machine by the hypervisor
}

// Since is what has been used after an earlier reading.
func (p Processor) Since(before Processor) Processor {
	return Processor{p.Busy.since(before.Busy), p.Idle.since(before.Idle), p.Steal.since(before.Steal)}
}

// StealShare is the part of the time that was stolen, 0 to 1.
func (p Processor) StealShare() float64 {
	if total := p.Busy + p.Idle + p.Steal; total > 0 {
		return float64(p.Steal) / float64(total)
	}
	return 0
}

// ReadProcStat reads /proc/stat. Guests' time is in user time already
// (proc(5)), so the fields behind steal are left alone.
func ReadProcStat(text []byte) (Processor, error) {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) < 9 || fields[0] != "cpu" {
		return Processor{}, errors.New("/proc/stat does not begin with eight times of all CPUs")
	}
	var times [8]Ticks // user nice system idle iowait irq softirq steal
	for i := range times {
		v, err := strconv.ParseUint(fields[i+1], 10, 48)
		if err != nil {
			return Processor{}, fmt.Errorf("/proc/stat: %w", err)
		}
		times[i] = Ticks(v)
	}
	return Processor{
		Busy:  times[0] + times[1] + times[2] + times[5] + times[6],
		Idle:  times[3] + times[4],
		Steal: times[7],
	}, nil
}
