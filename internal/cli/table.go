package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// table prints as virsh does: a space before each column, two after it, the
// last one not padded, a line of dashes below the header.
type table struct {
	out    io.Writer
	colour bool
	titles []string
	rows   [][]string
}

func newTable(out io.Writer, titles ...string) *table {
	return &table{out: out, colour: colours(out), titles: titles}
}

// add takes a row; empty cells are shown as "-".
func (t *table) add(cells ...string) { t.rows = append(t.rows, clean(cells)) }

// print writes the table with columns as wide as their widest cell.
func (t *table) print() error {
	widths := make([]int, len(t.titles))
	for _, row := range append([][]string{t.titles}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	if err := t.header(widths); err != nil {
		return err
	}
	for _, row := range t.rows {
		if err := t.row(widths, row); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) header(widths []int) error {
	if err := t.line(widths, t.titles, false); err != nil {
		return err
	}
	total := 0
	for _, w := range widths {
		total += w + 3
	}
	_, err := fmt.Fprintln(t.out, strings.Repeat("-", total))
	return err
}

func (t *table) row(widths []int, cells []string) error { return t.line(widths, cells, t.colour) }

func (t *table) line(widths []int, cells []string, colour bool) error {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString(" " + paint(cell, colour))
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell))+2))
		}
	}
	_, err := fmt.Fprintln(t.out, b.String())
	return err
}

// clean makes cells fit to be shown: guests choose some of them.
func clean(cells []string) []string {
	for i, cell := range cells {
		cells[i] = shown(cell)
	}
	return cells
}

// shown is text as a terminal may get it, "-" for none.
func shown(text string) string {
	if text == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}

// ANSI colours of the words that tell a state.
var stateColour = map[string]string{
	"up": "32", "active": "32", "ok": "32",
	"down": "33", "inactive": "33", "warn": "33",
	"absent": "31", "fail": "31",
}

func paint(word string, colour bool) string {
	if code := stateColour[word]; colour && code != "" {
		return "\x1b[" + code + "m" + word + "\x1b[0m"
	}
	return word
}

// colours reports whether out shows them and the user wants them.
func colours(out io.Writer) bool {
	return terminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func terminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
