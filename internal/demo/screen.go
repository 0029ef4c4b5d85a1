package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// screen tells the tour. On a terminal the line of the running step is drawn
// first and replaced when it ends.
type screen struct {
	out        io.Writer
	tty, color bool
}

func newScreen(o Options) *screen { return &screen{out: o.Out, tty: o.TTY, color: o.Color} }

const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	dim   = "\x1b[2m"
	plain = "\x1b[0m"
	erase = "\r\x1b[K" // the line of the running step
)

const picture = `
         outside                     host                       guests
                           +---------------------+
      +-----------+        |       ubridge       |-- veth1 -- guest1   a namespace
      |  server   |        |                     |
      |           |-- eth0 |  switch  DHCP  DNS  |-- veth2 -- guest2   a namespace
      +-----------+        |         NAT         |
      198.51.100.1         |                     |-- vnet0 -- guest3   QEMU, on a tap
    download.example       | ubr0  192.168.122.1 |
                           +---------------------+

`

func (s *screen) intro(version string) {
	fmt.Fprintf(s.out, "ubridge %s: a tour in private network namespaces; this machine's own network is not touched\n", version)
	fmt.Fprint(s.out, picture)
}

func (s *screen) running(name string) {
	if s.tty {
		fmt.Fprintf(s.out, "  … %s  %s", s.paint(dim, "        "), name)
	}
}

func (s *screen) done(name string, took time.Duration, detail string) {
	s.line(s.mark("ok", "✓", green), name, took, detail)
}

func (s *screen) failed(name string, took time.Duration, why string) {
	s.line(s.mark("FAILED", "✗", red), name, took, why)
}

// line writes the detail beside the name of the step; a block, such as a table,
// goes below it.
func (s *screen) line(mark, name string, took time.Duration, detail string) {
	if s.tty {
		fmt.Fprint(s.out, erase)
	}
	first, rest, _ := strings.Cut(strings.TrimRight(detail, "\n"), "\n")
	fmt.Fprintf(s.out, "  %s %s  %-17s %s\n", mark, s.paint(dim, fmt.Sprintf("%6.2f s", took.Seconds())), name, first)
	s.block(rest)
}

// block writes lines indented.
func (s *screen) block(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(s.out, "        %s\n", strings.TrimRight(line, "\n"))
	}
}

func (s *screen) mark(ascii, sign, color string) string {
	if s.tty {
		return s.paint(color, sign)
	}
	return fmt.Sprintf("%-6s", ascii)
}

func (s *screen) paint(color, text string) string {
	if !s.color {
		return text
	}
	return color + text + plain
}

func (s *screen) outro(began time.Time) {
	fmt.Fprintf(s.out, "\nAll of it worked, in %.0f seconds; nothing is left. Next: sudo ubridge run\n", time.Since(began).Seconds())
}
