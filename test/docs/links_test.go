package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	// treePath is a path of this tree as prose names one.
	treePath = regexp.MustCompile(`^(bench|cmd|dataplane|dhcpd|dnsfwd|docs|examples|fdb|internal|nat|test)/[a-z0-9_./-]+$`)
)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(p.prose, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			target := p.name
			if path != "" {
				target = filepath.Join(filepath.Dir(p.name), path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s: %v", p.name, m[1], err)
			} else if anchor != "" && !anchors(readPage(t, target))[anchor] {
				t.Errorf("%s links to %s: there is no such heading", p.name, m[1])
			}
		}
	}
}

// anchors are the names that the headings of a page have in links.
func anchors(p page) map[string]bool {
	names := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(p.prose, -1) {
		names[strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")] = true
	}
	return names
}

func TestNamedFilesExist(t *testing.T) {
	found := 0
	for _, p := range present(t) {
		for _, span := range spans(p.prose) {
			for word := range strings.FieldsSeq(span) {
				word = strings.TrimPrefix(word, "./")
				if !treePath.MatchString(word) {
					continue
				}
				found++
				if _, err := os.Stat(filepath.Join(root, word)); err != nil {
					t.Errorf("%s names %s: %v", p.name, word, err)
				}
			}
		}
	}
	if found < 3 {
		t.Errorf("only %d paths found: is the pattern right?", found)
	}
}
