package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the source tree.
const root = "../.."

// page is one Markdown file.
type page struct {
	name   string // below root
	prose  string // without its fenced blocks
	blocks []block
}

// block is a fenced block.
type block struct {
	language string
	lines    []string
}

// pages are all that a reader finds, README.md first.
func pages(t *testing.T) (all []page) {
	t.Helper()
	names := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			names = append(names, strings.TrimPrefix(path, root+"/"))
		}
	}
	for _, name := range names {
		all = append(all, readPage(t, name))
	}
	return all
}

// present are the pages about what there is. Records of decisions also talk of
// what there is not yet.
func present(t *testing.T) []page {
	t.Helper()
	return slices.DeleteFunc(pages(t), func(p page) bool { return strings.HasPrefix(p.name, "docs/decisions/") })
}

func readPage(t *testing.T, name string) page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	p := page{name: name}
	var prose []string
	var open *block
	for _, line := range strings.Split(string(text), "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{language: language}
		case fence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		default:
			prose = append(prose, line)
		}
	}
	if open != nil {
		t.Errorf("%s: a block is not closed", name)
	}
	p.prose = strings.Join(prose, "\n")
	return p
}

// commands are the lines that a reader types, those that go on joined.
func (b block) commands() (list []string) {
	more := false
	for _, line := range b.lines {
		text, typed := strings.CutPrefix(line, "$ ")
		switch {
		case typed:
			list = append(list, text)
		case more:
			list[len(list)-1] += "\n" + line
		}
		more = (typed || more) && strings.HasSuffix(line, `\`)
	}
	return list
}

var codeSpan = regexp.MustCompile("`([^`\n]+(?:\n[^`\n]+)?)`")

// spans are the pieces of prose set as code.
func spans(prose string) (list []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(prose, -1) {
		list = append(list, strings.Join(strings.Fields(m[1]), " "))
	}
	return list
}

// rows are the cells of the tables' lines.
func (p page) rows() (list [][]string) {
	for _, line := range strings.Split(p.prose, "\n") {
		if cells, ok := strings.CutPrefix(line, "| "); ok {
			list = append(list, strings.Split(strings.TrimSuffix(cells, " |"), " | "))
		}
	}
	return list
}
