// Command manual writes what a package has beside the binary and is made from the
// command tree and the reference configuration: manual pages and shell completions.
//
//	go run ./cmd/manual -version 1.2.3 -date 2026-11-26 OUT
//
// makes OUT/man/ubridge.8 and a page for each verb, OUT/man/ubridge.toml.5 and
// ubridge-network.5, and OUT/completion/bash, zsh and fish.
//
// # Theory of operation
//
// Pages of verbs are cobra's, of the tree that the binary itself has, so that they
// say what --help says. Pages of files are the examples, whose comments explain each
// key and which the tests hold against the parser.
//
// # Concurrency
//
// None.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"ubridge/internal/cli"
)

// manual is what all pages have in common.
type manual struct {
	version  string
	date     time.Time
	examples string
	out      string
}

func main() {
	var m manual
	flag.StringVar(&m.version, "version", "unknown", "`VERSION` that the pages name")
	flag.StringVar(&m.examples, "examples", "examples", "`DIR` of the reference configuration")
	day := flag.String("date", time.Now().UTC().Format(time.DateOnly), "`DATE` that the pages name")
	flag.Parse()
	var err error
	if m.date, err = time.Parse(time.DateOnly, *day); err == nil && flag.NArg() != 1 {
		err = fmt.Errorf("%d arguments: name the directory to write to", flag.NArg())
	}
	if m.out = flag.Arg(0); err == nil {
		err = m.write(cli.Root(cli.Hooks{}))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

// write makes everything.
func (m manual) write(root *cobra.Command) error {
	for _, dir := range []string{"man", "completion"} {
		if err := os.MkdirAll(filepath.Join(m.out, dir), 0o755); err != nil {
			return err
		}
	}
	if err := m.verbs(root); err != nil {
		return err
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(m.examples, f.example))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(m.out, "man", f.page+".5"), m.file(f, text), 0o644); err != nil {
			return err
		}
	}
	return m.completions(root)
}

// verbs writes a page of section 8 for each verb that is not hidden.
func (m manual) verbs(root *cobra.Command) error {
	plain(root)
	return doc.GenManTree(root, &doc.GenManHeader{
		Section: "8", Date: &m.date, Source: "ubridge " + m.version, Manual: "ubridge",
	}, filepath.Join(m.out, "man"))
}

// plain leaves out of the pages who made them and when.
func plain(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true
	for _, c := range cmd.Commands() {
		plain(c)
	}
}

// file is a configuration file that has a page of section 5.
type file struct {
	page, what, where, example string
}

var files = []file{
	{"ubridge.toml", "configuration of the ubridge daemon",
		"/etc/ubridge/ubridge.toml is read once, when the daemon starts. It may be missing.", "ubridge.toml"},
	{"ubridge-network", "definition of a network of ubridge",
		"Networks are defined by /etc/ubridge/networks.d/NAME.toml, which the administrator writes, and by what 'ubridge net define FILE' is given.",
		"networks.d/default.toml"},
}

// file is the page of a configuration file: text, the example with all keys.
func (m manual) file(f file, text []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH %q \"5\" %q %q \"ubridge\"\n", strings.ToUpper(f.page), m.date.Format("Jan 2006"), "ubridge "+m.version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH DESCRIPTION\n%s\n", escaped(f.page), f.what, escaped(f.where))
	fmt.Fprintf(&b, ".SH FORMAT\nThe file is TOML. This one has all keys, and says what they are for:\n.PP\n.nf\n%s.fi\n", lines(text))
	fmt.Fprintf(&b, ".SH SEE ALSO\n.BR ubridge (8)\n")
	return b.Bytes()
}

// lines is text for troff whose lines stay as they are.
func lines(text []byte) string {
	var b strings.Builder
	for line := range bytes.Lines(text) {
		if line[0] == '.' || line[0] == '\'' {
			b.WriteString(`\&`) // no request
		}
		b.WriteString(escaped(string(line)))
	}
	return b.String()
}

// escaped is text of which troff makes nothing else (groff_char(7)).
func escaped(text string) string { return escaper.Replace(text) }

var escaper = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "…", "...")

// completions writes the scripts that `ubridge completion` prints.
func (m manual) completions(root *cobra.Command) error {
	for shell, generate := range map[string]func(*bytes.Buffer) error{
		"bash": func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) },
		"zsh":  func(b *bytes.Buffer) error { return root.GenZshCompletion(b) },
		"fish": func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) },
	} {
		var b bytes.Buffer
		if err := generate(&b); err != nil {
			return fmt.Errorf("completion of %s: %w", shell, err)
		}
		if err := os.WriteFile(filepath.Join(m.out, "completion", shell), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
