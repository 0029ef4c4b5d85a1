package dataplane

import (
	"time"

	"golang.org/x/sys/unix"
)

// Time is nanoseconds of CLOCK_MONOTONIC: it goes on across restarts of the
// daemon, though not of the host, so that tables in mapped files keep their
// ages.
type Time int64

// Seconds is t in whole seconds, the unit of forwarding database ages. It is
// good for 136 years of uptime.
func (t Time) Seconds() uint32 { return uint32(t / Time(time.Second)) }

// Add is t moved by d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Until is how long it is from t to the next multiple of d.
func (t Time) Until(d time.Duration) time.Duration { return d - time.Duration(t)%d }

// Clock reads Time without a system call: Go's own monotonic clock, moved to
// the kernel's zero.
type Clock struct {
	start time.Time
	zero  Time
}

// NewClock reads the kernel's clock once.
func NewClock() Clock {
	var ts unix.Timespec
	// CLOCK_MONOTONIC with a valid pointer cannot fail.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return Clock{start: time.Now(), zero: Time(ts.Nano())}
}

// Now is the present time.
func (c Clock) Now() Time { return c.zero.Add(time.Since(c.start)) }
