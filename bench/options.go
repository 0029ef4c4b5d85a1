package bench

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Options say what is measured, how long, and where the results go. The zero
// value of a field means its default.
type Options struct {
	Full    bool     // all scenarios and peers, within half an hour; else the headlines, within two minutes
	Only    string   // a regular expression: scenarios whose name matches
	Peers   []string // names of peers, besides the references; empty: those of the mode
	Rounds  int      // interleaved rounds
	Seconds float64  // length of one measurement
	List    bool     // only name the scenarios and peers

	JSON string // file of the results; default: results.json in Out
	Out  string // directory of results and charts; empty: none is written

	Self    string    // this binary, which plays ubridge and the helpers
	Version string    // of ubridge
	Stdout  io.Writer // tables
	Stderr  io.Writer // progress
	TTY     bool      // Stderr is a terminal: the line of progress is redrawn
}

// plan is Options as the loop and the scenarios want them.
type plan struct {
	full    bool
	only    *regexp.Regexp
	peers   []string
	rounds  int
	asked   bool // rounds are what was asked for, in all scenarios
	seconds float64
}

// The defaults of the two modes.
const (
	quickRounds, fullRounds   = 3, 5
	quickSeconds, fullSeconds = 0.5, 1
)

func (o Options) plan() (plan, error) {
	p := plan{full: o.Full, peers: o.Peers, rounds: quickRounds, seconds: quickSeconds}
	if o.Full {
		p.rounds, p.seconds = fullRounds, fullSeconds
	}
	if o.Rounds > 0 {
		p.rounds, p.asked = o.Rounds, true
	}
	if o.Seconds > 0 {
		p.seconds = o.Seconds
	}
	var err error
	if p.only, err = regexp.Compile(o.Only); err != nil {
		return plan{}, fmt.Errorf("--only %q is no regular expression: %w", o.Only, err)
	}
	return p, checkPeers(o.Peers)
}

// checkPeers names those that there are when one is asked for that is not.
func checkPeers(wanted []string) error {
	names := map[string]bool{}
	var all []string
	for _, s := range scenarios() {
		for _, p := range s.allPeers() {
			if !names[p.name] {
				all = append(all, p.name)
			}
			names[p.name] = true
		}
	}
	for _, name := range wanted {
		if !names[name] {
			return fmt.Errorf("--peers: there is no peer %q; there are: %s", name, strings.Join(all, ", "))
		}
	}
	return nil
}

// duration is the length of one measurement.
func (p plan) duration() time.Duration { return time.Duration(p.seconds * float64(time.Second)) }

// whole is the length of one measurement by tools that know only whole seconds.
func (p plan) whole() int { return max(1, int(p.seconds+0.5)) }
