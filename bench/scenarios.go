package bench

// kind is what a peer does with frames; a scenario measures peers of one kind.
type kind string

const (
	switching   kind = "switching"   // a and b share a subnet
	translating kind = "translating" // a is inside, b is outside (NAT)
)

// better says which way a metric is good.
type better string

const (
	higher better = "higher"
	lower  better = "lower"
)

// chartKind is how a metric is drawn.
type chartKind string

const (
	noChart   chartKind = "none"
	barChart  chartKind = ""      // a group of bars for each column
	lineChart chartKind = "lines" // the columns are the x axis
)

// metric is one table of a scenario: what was measured, in which unit.
type metric struct {
	key      string // for put, JSON and file names
	title    string // with its unit: "throughput, Gb/s"
	better   better
	digits   int  // behind the point
	headroom bool // compare with "direct": above 80 % of it, it is a lower bound
	chart    chartKind
	axis     string // of a line chart's columns
	noRatio  bool   // it may be zero, or is no speed: a ratio says nothing
	log      bool   // a logarithmic axis, for what spans decades
	logX     bool   // of a line chart: its columns span decades
}

// scenario is something to measure on every peer of a kind.
type scenario struct {
	name    string // what --only matches
	title   string
	note    string // one line below the title: how it was measured
	kind    kind
	quick   bool     // also in quick mode
	peers   []*peer  // instead of those of the kind
	without []string // peers of the kind that are left out
	metrics []metric
	rounds  int // at most so many of the plan's, where fewer say it all
	// quickRounds are at most so many in quick mode, whose two minutes are short.
	quickRounds int
	// seconds is about how long one peer takes in one round, for the progress.
	seconds func(p plan) float64
	run     func(b *bed)
}

// scenarios are all there are, in the order in which they are measured.
func scenarios() []*scenario {
	return []*scenario{
		&rightSwitching, &rightTranslating,
		&bulk, &flood, &roundTrips, &sizes, &saturation, &crew, &load, &throughput,
		&overload, &macs, &ports, &idle, &start,
		&natBulk, &natFlows, &natSessions, &lan,
	}
}

// metric finds a metric by its key.
func (s *scenario) metric(key string) (metric, bool) {
	for _, m := range s.metrics {
		if m.key == key {
			return m, true
		}
	}
	return metric{}, false
}

// chosen are the scenarios of a plan.
func (p plan) chosen() (list []*scenario) {
	for _, s := range scenarios() {
		if (p.full || s.quick) && p.only.MatchString(s.name) {
			list = append(list, s)
		}
	}
	return list
}

// roundsOf is how many rounds a scenario runs.
func (p plan) roundsOf(s *scenario) int {
	n := p.rounds
	if p.asked {
		return n
	}
	if s.rounds > 0 {
		n = min(n, s.rounds)
	}
	if !p.full && s.quickRounds > 0 {
		n = min(n, s.quickRounds)
	}
	return n
}
