package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func someScenario() *scenario {
	return &scenario{
		name: "some", title: "Some", kind: switching,
		metrics: []metric{{key: "gbps", title: "Gb/s", better: higher, digits: 1, headroom: true}},
	}
}

// measured is a scenario's results of three rounds, the last of which ubridge
// has missed, and in which vde turned a frame over.
func measured() (*results, []*peer) {
	r := newResults(someScenario(), 3)
	peers := []*peer{{name: "bridge"}, {name: "direct"}, {name: "ubridge", ours: true}, {name: "vde"}}
	for round, v := range []float64{50, 10, 60} {
		r.turn("bridge", round)
		r.put("gbps", "1 >", v)
		r.turn("direct", round)
		r.put("gbps", "1 >", v*1.1)
		r.turn("ubridge", round)
		if round < 2 {
			r.put("gbps", "1 >", v/2)
		}
		r.turn("vde", round)
		r.put("gbps", "1 >", v/100)
	}
	r.bad("%d frames", 3)
	r.turn("ubridge", 2)
	r.giveUp(errors.New("no daemon"))
	return r, peers
}

func TestReport(t *testing.T) {
	r, peers := measured()
	rep := r.report(peers)
	rows := rep.Tables[0].Rows
	bridge, direct, ours, theirs := rows[0].Cells[0], rows[1].Cells[0], rows[2].Cells[0], rows[3]
	if bridge.Median != 50 || bridge.Ratio != nil || !bridge.LowerBound {
		t.Errorf("bridge: %+v", bridge)
	}
	if direct.LowerBound {
		t.Errorf("direct is its own lower bound: %+v", direct)
	}
	if ours.Median != 15 || *ours.Ratio != 0.5 || ours.LowerBound || len(ours.Rounds) != 3 || ours.Rounds[2] != nil {
		t.Errorf("ubridge: %+v", ours)
	}
	if !theirs.Failed || len(rep.Failed) != 1 || rep.Failed[0].Peer != "vde" || len(rep.GaveUp) != 1 {
		t.Errorf("%+v %+v %+v", theirs, rep.Failed, rep.GaveUp)
	}
}

func TestOnlyOursDecidesTheExitCode(t *testing.T) {
	remark := func(peer string) []Remark { return []Remark{{peer, "a frame came twice"}} }
	for _, c := range []struct {
		s    ScenarioReport
		want bool
	}{
		{ScenarioReport{Failed: remark("vde"), GaveUp: remark("ovs")}, false},
		{ScenarioReport{Failed: remark("ubridge")}, true},
		{ScenarioReport{GaveUp: remark("ubridge-tap")}, true},
	} {
		rep := &Report{Scenarios: []ScenarioReport{{}, c.s}}
		if rep.wrong(isOurs) != c.want {
			t.Errorf("%+v is wrong: %v", c.s, !c.want)
		}
	}
}

func TestTablesSayWhatHappened(t *testing.T) {
	r, peers := measured()
	rep := &Report{Machine: Machine{CPU: "a CPU", Congestion: "reno"}, Mode: "quick", Scenarios: []ScenarioReport{r.report(peers)},
		Skipped: []Remark{{"ovs", "install openvswitch-switch"}}}
	var out bytes.Buffer
	rep.print(&out)
	for _, want := range []string{"TCP reno", "≥50.0 (30.0–55.0)", "15.0 (10.0–20.0) 0.50x", "vde FAILED", "0.01x",
		"FAILED: vde, round 3: 3 frames", "not measured: ubridge, round 3: no daemon", "left out: ovs: install openvswitch-switch"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
}

func TestResultsAreWritten(t *testing.T) {
	r, peers := measured()
	rep := &Report{Mode: "quick", Scenarios: []ScenarioReport{r.report(peers)}}
	dir := filepath.Join(t.TempDir(), "out")
	if err := rep.write(Options{Out: dir, Stderr: &bytes.Buffer{}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"results.json", "results.txt", "some-gbps.svg", "some-gbps.png"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil || len(back.Scenarios[0].Tables[0].Rows) != 4 {
		t.Errorf("%v %+v", err, back)
	}
}

func TestRatiosHaveDigitsThatSaySomething(t *testing.T) {
	for v, want := range map[float64]string{0: "0x", 0.0281: "0.028x", 0.47: "0.47x", 1: "1.00x", 9.9: "9.90x", 190.4: "190x", 1.5e4: "15000x"} {
		if got := ratio(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

// Each round measures everybody once, and nobody comes first twice in a row.
func TestTurns(t *testing.T) {
	const n = 4
	var firsts []int
	for round := range n {
		var order []int
		for i := range n {
			order = append(order, turn(i, round, n))
		}
		firsts = append(firsts, order[0])
		if round == 1 && !slices.Equal(order, []int{3, 0, 1, 2}) {
			t.Errorf("the second round is %v", order)
		}
		slices.Sort(order)
		if !slices.Equal(order, []int{0, 1, 2, 3}) {
			t.Errorf("round %d measures %v", round, order)
		}
	}
	slices.Sort(firsts)
	if !slices.Equal(firsts, []int{0, 1, 2, 3}) {
		t.Errorf("first in the rounds: %v", firsts)
	}
}

// Scenarios are complete: the loop, the tables and the charts rely on it.
func TestScenariosAreComplete(t *testing.T) {
	names := map[string]bool{}
	for _, s := range scenarios() {
		if s.name == "" || s.title == "" || s.note == "" || len(s.metrics) == 0 || s.seconds == nil || s.run == nil || names[s.name] {
			t.Errorf("scenario %q is not complete, or not the only one of that name", s.name)
		}
		names[s.name] = true
		if s.kind != switching && s.kind != translating {
			t.Errorf("%s: kind %q", s.name, s.kind)
		}
		for _, p := range []plan{{seconds: 1}, {seconds: 1, full: true}} {
			if cost := s.seconds(p); cost <= 0 || cost > 120 {
				t.Errorf("%s takes %v seconds", s.name, cost)
			}
		}
	}
}

func TestPlans(t *testing.T) {
	p, err := Options{Only: "^(tcp|flood)$", Peers: []string{"ubridge"}, Rounds: 7}.plan()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range p.chosen() {
		names = append(names, s.name)
	}
	if !slices.Equal(names, []string{"tcp", "flood"}) || p.rounds != 7 || p.seconds != quickSeconds {
		t.Errorf("%v %+v", names, p)
	}
	if peers := p.peersOf(&bulk); len(peers) != 2 || peers[0].name != "bridge" || peers[1].name != "ubridge" {
		t.Errorf("%v", peers)
	}
	for _, o := range []Options{{Only: "("}, {Peers: []string{"linux"}}} {
		if _, err := o.plan(); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
