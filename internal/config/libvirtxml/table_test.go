package libvirtxml

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const page = "../../../docs/libvirt-xml.md"

// The page has the table as the code has it. UPDATE=1 writes it there.
func TestPageHasTheTable(t *testing.T) {
	doc, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- table -->\n", "<!-- /table -->\n"
	head, rest, ok := strings.Cut(string(doc), begin)
	old, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no table between %q and %q", page, begin, end)
	}
	want := rows()
	if old == want {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("%s is not what the code does; UPDATE=1 go test ./internal/config/libvirtxml writes it", page)
	}
	if err := os.WriteFile(page, []byte(head+begin+want+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

func rows() string {
	var b strings.Builder
	b.WriteString("| element | treatment | becomes, or why not |\n|---|---|---|\n")
	for _, a := range network.attrs {
		row(&b, "network@"+a.name, a.treat, a.words)
	}
	for _, c := range network.children {
		specRows(&b, c, "")
	}
	return b.String()
}

func specRows(b *strings.Builder, s *spec, path string) {
	path = join(path, s.tag())
	if s.treat != Honoured {
		row(b, path, s.treat, s.words)
		return
	}
	if s.is != "" {
		row(b, path, s.treat, s.words)
	}
	for _, a := range s.attrs {
		if a.is != "" {
			row(b, path+"@"+a.name, a.treat, a.words)
		}
	}
	for _, c := range s.children {
		specRows(b, c, path)
	}
}

func row(b *strings.Builder, path string, treat Treat, w words) {
	what, is := treat.String(), w.is
	if treat == Kept && w.note != nil && w.note("\x00") == "" {
		what = "kept"
	}
	if treat == Refused {
		is += ": " + w.fix
	}
	fmt.Fprintf(b, "| `%s` | %s | %s |\n", path, what, strings.ReplaceAll(strings.ReplaceAll(is, "<", "\\<"), "|", "\\|"))
}

// Every row that is not honoured has a reason, and what is honoured says as what.
func TestEveryRowSaysWhatBecomesOfIt(t *testing.T) {
	var walk func(s *spec, path string)
	walk = func(s *spec, path string) {
		path = join(path, s.tag())
		if s.treat != Honoured {
			if s.is == "" || s.treat == Refused && s.fix == "" {
				t.Errorf("%s: no words", path)
			}
			return
		}
		if s.is == "" && len(s.attrs)+len(s.children) == 0 {
			t.Errorf("%s: no words", path)
		}
		for _, a := range s.attrs {
			if a.is == "" && s.is == "" {
				t.Errorf("%s@%s: no words", path, a.name)
			}
		}
		for _, c := range s.children {
			walk(c, path)
		}
	}
	for _, c := range network.children {
		walk(c, "")
	}
}
