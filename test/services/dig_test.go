package services

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ubridge/test/lab"
)

// digTime bounds a dig, which asks twice at most.
const digTime = 20 * time.Second

// answer is what dig has printed.
type answer struct {
	status string   // NOERROR, NXDOMAIN, …
	flags  []string // qr, aa, tc, rd, ra, …
	data   []string // of the answer section's records, in order
	ttl    []int    // seconds, of the same
	edns   bool
	text   string
}

var (
	statusLine = regexp.MustCompile(`status: (\w+)`)
	flagsLine  = regexp.MustCompile(`;; flags: ([a-z ]*);`)
)

// dig asks the gateway, from a guest.
func dig(g *lab.Guest, args ...string) (answer, error) {
	args = append([]string{"dig", "+noall", "+comments", "+answer", "+time=3", "+tries=2", "@" + lab.Gateway}, args...)
	text, err := g.NS.Try(args...)
	if err != nil {
		return answer{}, err
	}
	a := answer{text: text, edns: strings.Contains(text, "; EDNS: version: 0")}
	if m := statusLine.FindStringSubmatch(text); m != nil {
		a.status = m[1]
	}
	if m := flagsLine.FindStringSubmatch(text); m != nil {
		a.flags = strings.Fields(m[1])
	}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 5 && !strings.HasPrefix(line, ";") {
			ttl, err := strconv.Atoi(f[1])
			if err != nil {
				return a, fmt.Errorf("TTL of %q: %w", line, err)
			}
			a.ttl = append(a.ttl, ttl)
			a.data = append(a.data, strings.Join(f[4:], " "))
		}
	}
	return a, nil
}

// expect asks once and compares status and data.
func expect(t *testing.T, g *lab.Guest, status string, data []string, args ...string) answer {
	t.Helper()
	a, err := dig(g, args...)
	if err == nil {
		err = a.is(status, data)
	}
	if err != nil {
		t.Errorf("dig %q: %v", args, err)
	}
	return a
}

func (a answer) is(status string, data []string) error {
	if a.status != status || !slices.Equal(a.data, data) {
		return fmt.Errorf("%s %q, want %s %q, in:\n%s", a.status, a.data, status, data, a.text)
	}
	return nil
}

// await asks until the answer is right: what it depends on is being followed.
func await(n *lab.Net, g *lab.Guest, status string, data []string, args ...string) {
	n.T.Helper()
	n.Eventually(digTime, fmt.Sprintf("%s %q for dig %q", status, data, args), func() error {
		a, err := dig(g, args...)
		if err != nil {
			return err
		}
		return a.is(status, data)
	})
}

// asked counts the queries for a name that have reached a resolver.
func asked(r *lab.Resolver, name string) int {
	return len(regexp.MustCompile(`query\[\w+\] `+regexp.QuoteMeta(name)+` from`).FindAllString(r.Output(), -1))
}
