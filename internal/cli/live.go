package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"ubridge/internal/api"
)

// Live is a status line that stays last on a terminal while a log scrolls above
// it. On anything but a terminal there is no line, and the log passes through.
type Live struct {
	terminal bool

	mu   sync.Mutex
	out  io.Writer // the line
	log  io.Writer
	line string // as it is shown now
	last api.Status
	at   time.Time // of last
}

func newLive(out, log io.Writer) *Live {
	return &Live{out: out, log: log, terminal: terminal(out)}
}

const eraseLine = "\r\x1b[K"

// Write writes log lines above the status line.
func (l *Live) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	n, err := l.log.Write(p)
	l.draw()
	return n, err
}

// say writes text for the user above the status line.
func (l *Live) say(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	_, _ = io.WriteString(l.out, text) // a terminal that is gone stops nothing
	l.draw()
}

// Show replaces the line. Rates are since the last call.
func (l *Live) Show(s api.Status) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	l.line = statusLine(l.last, s, now.Sub(l.at))
	l.last, l.at = s, now
	l.draw()
}

// clear removes the line for good.
func (l *Live) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	l.line = ""
}

// erase and draw want the lock held.
func (l *Live) erase() {
	if l.terminal && l.line != "" {
		_, _ = io.WriteString(l.out, eraseLine) // as in say
	}
}

func (l *Live) draw() {
	if l.terminal && l.line != "" {
		_, _ = io.WriteString(l.out, l.line) // as in say
	}
}

// statusLine is what one look at the daemon should tell.
func statusLine(last, now api.Status, since time.Duration) string {
	t, was := now.Totals, last.Totals
	parts := []string{
		fmt.Sprintf("ports %d/%d", t.PortsUp, t.Ports),
		fmt.Sprintf("leases %d", t.Leases),
		fmt.Sprintf("flows %d", t.Flows),
		"rx " + rate(was.RxBytes, t.RxBytes, since),
		"tx " + rate(was.TxBytes, t.TxBytes, since),
		fmt.Sprintf("drops %d", t.Dropped()),
	}
	return strings.Join(parts, "  ")
}

// rate is bits per second between two byte counters; counters begin anew when a
// network is restarted.
func rate(before, after uint64, since time.Duration) string {
	if after < before || since <= 0 {
		return "-"
	}
	bits := float64(after-before) * 8 / since.Seconds()
	for _, unit := range []string{"b/s", "kb/s", "Mb/s"} {
		if bits < 999.5 {
			return fmt.Sprintf("%.0f %s", bits, unit)
		}
		bits /= 1000
	}
	return fmt.Sprintf("%.1f Gb/s", bits)
}
