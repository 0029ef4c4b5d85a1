package bench

import (
	"fmt"
	"io"
	"time"
)

// progress is the line that says what is measured and how long it still takes.
// The estimate is the scenarios' own, scaled by how wrong it has been so far.
type progress struct {
	out      io.Writer
	tty      bool
	began    time.Time
	total    float64 // seconds, by estimate
	past     float64 // of them
	lastLine time.Time
}

func newProgress(out io.Writer, tty bool, total float64) *progress {
	return &progress{out: out, tty: tty, began: time.Now(), total: total}
}

// left is how long the run still takes.
func (p *progress) left() time.Duration {
	rest := p.total - p.past
	if p.past > 0 {
		rest *= time.Since(p.began).Seconds() / p.past
	}
	return time.Duration(rest * float64(time.Second)).Round(time.Second)
}

// quietly is how often a line is written where none can be redrawn.
const quietly = 5 * time.Second

// step says what begins.
func (p *progress) step(what string) {
	line := fmt.Sprintf("%3.0f %%, %v left: %s", 100*p.past/max(p.total, 1e-9), p.left(), what)
	switch {
	case p.tty:
		fmt.Fprintf(p.out, "\r\x1b[K%s", line)
	case time.Since(p.lastLine) >= quietly:
		p.lastLine = time.Now()
		fmt.Fprintln(p.out, line)
	}
}

// done counts a step of so many estimated seconds.
func (p *progress) done(seconds float64) { p.past += seconds }

// end removes the line.
func (p *progress) end() {
	if p != nil && p.tty {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
