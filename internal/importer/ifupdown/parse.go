package ifupdown

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"ubridge/internal/importer"
)

// maxDepth is how deep files may source one another; ifupdown itself stops
// nowhere.
const maxDepth = 16

// option is one line of a stanza.
type option struct {
	key   string // with '_' for '-'
	word  string // the key as it is written
	value string
	file  string
	line  int
}

// stanza is one iface stanza.
type stanza struct {
	name, family, method string
	inherits             string
	file                 string
	line                 int
	options              []option
}

// setup is all that the files say.
type setup struct {
	stanzas []*stanza
	auto    map[string]bool // brought up at boot or when the device comes
}

// parser goes through the files.
type parser struct {
	files *importer.Files
	plan  *importer.Plan
	setup
	open  *stanza // that takes the options; nil outside, and in one that is passed over
	known bool    // whether options belong to some stanza
	depth int
}

// file reads one file and what it sources.
func (p *parser) file(name string) error {
	text, err := p.files.Read(name)
	if err != nil {
		return err
	}
	p.open, p.known = nil, false
	number := 0
	for rest := string(text); rest != ""; {
		var line string
		var lines int
		line, rest, lines = logical(rest)
		if err := p.line(name, number+1, line); err != nil {
			return err
		}
		number += lines
	}
	p.open, p.known = nil, false
	return nil
}

// logical cuts one line off text, with those that a backslash joins to it.
func logical(text string) (line, rest string, lines int) {
	var b strings.Builder
	for rest = text; rest != ""; {
		line, rest, _ = strings.Cut(rest, "\n")
		lines++
		part, more := strings.CutSuffix(strings.TrimSuffix(line, "\r"), `\`)
		if b.Len() == 0 && strings.HasPrefix(strings.TrimSpace(part), "#") {
			return "", rest, lines // a comment is not continued
		}
		b.WriteString(part)
		if !more {
			break
		}
		b.WriteByte(' ')
	}
	return b.String(), rest, lines
}

func (p *parser) line(file string, number int, line string) error {
	word, rest, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(line), "\t", " "), " ")
	rest = strings.TrimSpace(rest)
	switch {
	case word == "":
		return nil
	case word == "iface":
		p.iface(file, number, strings.Fields(rest))
	case word == "auto" || strings.HasPrefix(word, "allow-"):
		p.open, p.known = nil, false
		for _, name := range strings.Fields(rest) {
			p.auto[name] = true
		}
	case word == "source" || word == "source-directory":
		return p.source(file, number, word, rest)
	case word == "mapping" || word == "template":
		p.open, p.known = nil, true
		p.plan.Note(importer.At{File: file, Line: number}, word, "", "%s %s is passed over", word, rest)
	case word == "no-auto-down" || word == "no-scripts" || word == "rename" || word == "vlan":
		p.open, p.known = nil, word == "vlan"
	default:
		p.option(file, number, word, rest)
	}
	return nil
}

func (p *parser) iface(file string, number int, words []string) {
	p.known = true
	if len(words) == 0 {
		p.open = nil
		p.plan.Note(importer.At{File: file, Line: number}, "iface", "give it a name", "an interface without a name")
		return
	}
	s := &stanza{name: words[0], file: file, line: number}
	words = words[1:]
	if len(words) > 0 && (words[0] == "inet" || words[0] == "inet6" || words[0] == "can" || words[0] == "ipx") {
		s.family, words = words[0], words[1:]
	}
	if len(words) > 0 && words[0] != "inherits" {
		s.method, words = words[0], words[1:]
	}
	if len(words) > 1 && words[0] == "inherits" {
		s.inherits = words[1]
	}
	p.open = s
	p.stanzas = append(p.stanzas, s)
}

func (p *parser) option(file string, number int, word, value string) {
	switch {
	case p.open != nil:
		p.open.options = append(p.open.options, option{strings.ReplaceAll(word, "-", "_"), word, value, file, number})
	case !p.known:
		p.plan.Note(importer.At{File: file, Line: number}, word, "move it into an iface stanza", "an option outside of any stanza is passed over")
	}
}

// sourced are the names that source-directory takes (interfaces(5)).
var sourced = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// source includes other files. A pattern without files is nothing, as in ifupdown.
func (p *parser) source(file string, number int, word, pattern string) error {
	at := importer.At{File: file, Line: number}
	if strings.ContainsAny(pattern, "$`~{") {
		p.plan.Note(at, word, "give the file to import by its name", "the shell's expansions in %q are not done here", pattern)
		return nil
	}
	if !path.IsAbs(pattern) {
		pattern = path.Join(path.Dir(file), pattern)
	}
	list := p.files.Glob(pattern)
	if word == "source-directory" {
		list = p.directories(list)
	}
	if p.depth++; p.depth > maxDepth {
		return fmt.Errorf("%s: files source one another more than %d deep; take the loop out", at, maxDepth)
	}
	defer func() { p.depth-- }()
	for _, name := range list {
		if err := p.file(name); err != nil {
			return err
		}
	}
	return nil
}

// directories are the files to be sourced from each directory.
func (p *parser) directories(dirs []string) (list []string) {
	for _, dir := range dirs {
		for _, name := range p.files.List(dir) {
			if sourced.MatchString(path.Base(name)) {
				list = append(list, name)
			}
		}
	}
	return list
}
