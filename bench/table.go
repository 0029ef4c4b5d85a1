package bench

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// print writes the tables.
func (rep *Report) print(out io.Writer) {
	rep.head(out)
	for _, s := range rep.Scenarios {
		s.print(out)
	}
	for _, r := range rep.Skipped {
		fmt.Fprintf(out, "left out: %s: %s\n", r.Peer, r.Text)
	}
}

// head says what the figures depend on.
func (rep *Report) head(out io.Writer) {
	m := rep.Machine
	fmt.Fprintf(out, "ubridge bench, %s: %d rounds of %g s each, interleaved, in %.0f s\n", rep.Mode, rep.Rounds, rep.Seconds, rep.Took)
	fmt.Fprintf(out, "%s, %d CPUs, Linux %s, ubridge %s, %s\n", m.CPU, m.CPUs, m.Kernel, cmp.Or(m.Ubridge, "unknown"), m.Go)
	fmt.Fprintf(out, "TCP %s without pacing, MTU %d, br_netfilter %s\n", m.Congestion, m.MTU, m.Netfilter)
	var versions []string
	for _, name := range slices.Sorted(maps.Keys(m.Versions)) {
		versions = append(versions, name+": "+m.Versions[name])
	}
	fmt.Fprintf(out, "%s\n", strings.Join(versions, "; "))
	fmt.Fprint(out, "median (quartiles) ratio to the reference within rounds; ≥: over 80 % of what the generators can do, so a lower bound\n")
}

func (s *ScenarioReport) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s (%s)\n%s\n", s.Title, s.Name, s.Note)
	if s.Steal >= 1 {
		fmt.Fprintf(out, "WARNING: the hypervisor took up to %.0f %% of the machine meanwhile\n", s.Steal)
	}
	for _, t := range s.Tables {
		fmt.Fprintf(out, "\n  %s; reference %s, %d rounds\n", t.Title, s.Reference, s.Rounds)
		t.print(out)
	}
	for _, r := range s.Failed {
		fmt.Fprintf(out, "  FAILED: %s, %s\n", r.Peer, r.Text)
	}
	for _, r := range s.GaveUp {
		fmt.Fprintf(out, "  not measured: %s, %s\n", r.Peer, strings.ReplaceAll(r.Text, "\n", "\n    "))
	}
}

func (t *Table) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "  peer\t%s\n", strings.Join(t.Columns, "\t"))
	for _, row := range t.Rows {
		fmt.Fprintf(w, "  %s", row.Peer)
		if row.Failed {
			fmt.Fprint(w, " FAILED")
		}
		for _, c := range row.Cells {
			fmt.Fprintf(w, "\t%s", c.text(t.metric.digits))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // the terminal is gone: nobody reads it
}

// text is a cell: "53.8 (52.8–56.5) 1.02x".
func (c Cell) text(digits int) string {
	if c.Empty {
		return "-"
	}
	text := number(c.Median, digits)
	if c.LowerBound {
		text = "≥" + text
	}
	if len(c.Rounds) > 1 {
		text += fmt.Sprintf(" (%s–%s)", number(c.Q1, digits), number(c.Q3, digits))
	}
	if c.Ratio != nil {
		text += " " + ratio(*c.Ratio)
	}
	return text
}

func number(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

// ratio has two digits that say something: 0.028x, 0.47x, 1.9x, 190x.
func ratio(v float64) string {
	switch {
	case v == 0:
		return "0x"
	case v < 0.1:
		return strconv.FormatFloat(v, 'g', 2, 64) + "x"
	case v < 9.95:
		return strconv.FormatFloat(v, 'f', 2, 64) + "x"
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + "x"
}

// list names what there is.
func list(out io.Writer, p plan) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "scenario\tmode\ton\twhat")
	for _, s := range scenarios() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.name, modes(s.quick), s.kind, s.title)
	}
	for _, set := range []struct {
		kind  kind
		peers []*peer
	}{{switching, switches}, {translating, translators}} {
		fmt.Fprintf(w, "\npeer (%s)\tmode\there\twhat\n", set.kind)
		for _, x := range set.peers {
			here := "yes"
			if lacks := x.missing(); lacks != "" {
				here = lacks
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", x.name, modes(x.quick), here, x.note)
		}
	}
}

func modes(quick bool) string {
	if quick {
		return "both"
	}
	return "full"
}
