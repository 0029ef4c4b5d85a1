package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrWrong is wrapped by the error of a run in which ubridge did something to
// frames that a network must not do, or could not be measured.
var ErrWrong = errors.New("ubridge failed in the bench")

// Run measures, prints tables on o.Stdout and writes what else was asked for.
// It needs root. Peers that this machine lacks are left out and named.
func Run(ctx context.Context, o Options) error {
	p, err := o.plan()
	if err == nil {
		err = extendPath()
	}
	if err != nil {
		return err
	}
	if o.List {
		list(o.Stdout, p)
		return nil
	}
	if err := checkNeeds(p); err != nil {
		return err
	}
	rep, err := measure(ctx, o, p)
	if rep == nil {
		return err
	}
	rep.print(o.Stdout)
	if wrote := rep.write(o); wrote != nil {
		return errors.Join(err, wrote)
	}
	if err == nil && rep.wrong(isOurs) {
		err = fmt.Errorf("%w: the lines marked FAILED say how", ErrWrong)
	}
	return err
}

// isOurs reports whether a peer's name is one of ubridge's.
func isOurs(name string) bool {
	for _, p := range append(switches[:len(switches):len(switches)], translators...) {
		if p.name == name && p.ours {
			return true
		}
	}
	return false
}

// loop is one run.
type loop struct {
	*runner
	ctx      context.Context
	o        Options
	plan     plan
	ends     *ends
	progress *progress
	report   *Report
	present  map[*peer]bool
}

// measure runs all scenarios. An interrupted run gives what it has, and an
// error.
func measure(ctx context.Context, o Options, p plan) (*Report, error) {
	began := time.Now()
	l := &loop{runner: &runner{notes: o.Stderr}, ctx: ctx, o: o, plan: p, present: map[*peer]bool{}}
	l.report = &Report{Machine: machine(o.Version), Mode: "quick", Rounds: p.rounds, Seconds: p.seconds}
	if p.full {
		l.report.Mode = "full"
	}
	err := l.attempt(forever, func() {
		l.ends = newEnds(l.runner)
		l.report.Machine.Congestion = l.ends.congestion
		l.look()
		l.progress = newProgress(o.Stderr, o.TTY, l.cost())
		for _, s := range p.chosen() {
			l.scenario(s)
		}
	})
	l.progress.end()
	l.report.Took = time.Since(began).Seconds()
	switch {
	case l.stuck.Load():
		err = fmt.Errorf("%w; the tables hold what was measured before", errStuck)
	case ctx.Err() != nil:
		err = fmt.Errorf("interrupted; the tables hold what was measured before: %w", ctx.Err())
	}
	return l.report, err
}

// look finds out which peers this machine has.
func (l *loop) look() {
	for _, s := range l.plan.chosen() {
		for _, p := range l.plan.peersOf(s) {
			if _, known := l.present[p]; known {
				continue
			}
			lacks := p.missing()
			l.present[p] = lacks == ""
			if lacks != "" {
				l.report.Skipped = append(l.report.Skipped, Remark{p.name, lacks})
			}
		}
	}
}

// peersOf are the peers of a scenario that this machine has.
func (l *loop) peersOf(s *scenario) (list []*peer) {
	for _, p := range l.plan.peersOf(s) {
		if l.present[p] {
			list = append(list, p)
		}
	}
	return list
}

// bedSeconds is about what building and removing a bed takes.
const bedSeconds = 0.4

// cost is about how long the run takes, in seconds.
func (l *loop) cost() (total float64) {
	for _, s := range l.plan.chosen() {
		total += float64(len(l.peersOf(s))*l.plan.roundsOf(s)) * (s.seconds(l.plan) + bedSeconds)
	}
	return total
}

// scenario measures one scenario on all of its peers, round by round.
func (l *loop) scenario(s *scenario) {
	peers, rounds := l.peersOf(s), l.plan.roundsOf(s)
	r := newResults(s, rounds)
	for round := range rounds {
		for i := range peers {
			if l.ctx.Err() != nil || l.stuck.Load() {
				break
			}
			p := peers[turn(i, round, len(peers))]
			l.progress.step(fmt.Sprintf("%s: %s, round %d of %d", s.name, p.name, round+1, rounds))
			r.turn(p.name, round)
			if err := l.once(s, p, r); err != nil && l.ctx.Err() == nil {
				r.giveUp(err)
			}
			l.progress.done(s.seconds(l.plan) + bedSeconds)
		}
	}
	l.report.Scenarios = append(l.report.Scenarios, r.report(peers))
}

// turn is whose turn it is: A B C in the first round, C A B in the second, so
// that nobody always comes first, or after the same neighbour's heat.
func turn(i, round, n int) int { return ((i-round)%n + n) % n }

// hardLimit is the longest that one peer may take in one round: a measurement
// ends by itself long before.
func (l *loop) hardLimit(s *scenario) time.Duration {
	return 30*time.Second + time.Duration(3*s.seconds(l.plan)*float64(time.Second))
}

// errSlow is why a measurement has been given up at its hard limit.
var errSlow = errors.New("it took far too long, and was ended")

// once measures one peer in one round. At the hard limit all that it has
// started is killed.
func (l *loop) once(s *scenario, p *peer, r *results) error {
	ctx, cancel := context.WithTimeoutCause(l.ctx, l.hardLimit(s), errSlow)
	defer cancel()
	return l.attempt(l.hardLimit(s)+endLimit, func() {
		b := &bed{
			runner: l.runner, ctx: ctx, plan: l.plan, kind: s.kind, peer: p, self: l.o.Self, sink: r,
			a: l.ends.a, b: l.ends.b,
		}
		b.set()
		l.describe(b)
		s.run(b)
	})
}

// describe notes the offloads and queueing disciplines of the endpoints' devices, once for each peer.
func (l *loop) describe(b *bed) {
	if _, known := l.report.Machine.Offloads[b.peer.name]; !known {
		l.report.Machine.Offloads[b.peer.name] = offloadsOf(b)
		l.report.Machine.Qdiscs[b.peer.name] = qdiscOf(b)
	}
}

// checkNeeds names what there must be to measure anything.
func checkNeeds(p plan) error {
	if os.Geteuid() != 0 {
		return errors.New("the bench makes network namespaces, which needs root: run it by sudo")
	}
	if err := exists("/dev/net/tun"); err != nil {
		return errors.New("there is no /dev/net/tun: modprobe tun")
	}
	return lacking(generators(p))
}
