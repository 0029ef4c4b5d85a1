package taphelper

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Bounds of the ACL's files.
const (
	maxACL      = 64 << 10 // bytes of a file
	maxIncludes = 32       // files in all
)

// everyNetwork is what a line says in place of a network's name.
const everyNetwork = "all"

// rule is a line of the ACL.
type rule struct {
	verb    string // allow, deny or include
	object  string // network, bridge or "all"; of include: a file
	callers []string
	where   string // FILE:LINE
}

// parseACL reads the lines of a file.
func parseACL(file string, text []byte) (rules []rule, err error) {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		words := strings.Fields(uncommented(string(line)))
		if len(words) == 0 {
			continue
		}
		r := rule{verb: words[0], where: file + ":" + strconv.Itoa(number)}
		switch {
		case r.verb != "allow" && r.verb != "deny" && r.verb != "include":
			return nil, fmt.Errorf("%s: %q is no verb: write allow, deny or include", r.where, r.verb)
		case len(words) == 1:
			return nil, fmt.Errorf("%s: %s of what? Write a network's name, or all", r.where, r.verb)
		case r.verb == "include" && len(words) > 2:
			return nil, fmt.Errorf("%s: include takes one file", r.where)
		}
		r.object, r.callers = words[1], words[2:]
		rules = append(rules, r)
	}
	return rules, nil
}

func uncommented(line string) string {
	line, _, _ = strings.Cut(line, "#")
	return line
}

// covers reports whether the rule is about a network, by any of its names, and
// the caller.
func (r rule) covers(who Caller, names []string) bool {
	if r.object != everyNetwork && !slices.Contains(names, r.object) {
		return false
	}
	return len(r.callers) == 0 || slices.ContainsFunc(r.callers, who.is)
}

// decide applies the rules; nil if the caller may attach to the network that has
// these names.
func decide(rules []rule, who Caller, names []string) error {
	allowed := false
	for _, r := range rules {
		switch {
		case !r.covers(who, names):
		case r.verb == "deny":
			return fmt.Errorf("%s says `deny %s`", r.where, r.object)
		case r.verb == "allow":
			allowed = true
		}
	}
	if !allowed {
		return errNotAllowed
	}
	return nil
}
