package bench

import (
	"math"
	"slices"

	"ubridge/bench/stat"
)

// Report is all of a run: what --json writes and what tables and charts show.
type Report struct {
	Machine   Machine          `json:"machine"`
	Mode      string           `json:"mode"` // quick or full
	Rounds    int              `json:"rounds"`
	Seconds   float64          `json:"seconds"`
	Took      float64          `json:"took_seconds"`
	Scenarios []ScenarioReport `json:"scenarios"`
	Skipped   []Remark         `json:"skipped,omitempty"` // peers that this machine lacks
}

// Remark is something to know of a peer.
type Remark struct {
	Peer string `json:"peer"`
	Text string `json:"text"`
}

// ScenarioReport is what one scenario has given.
type ScenarioReport struct {
	Name      string   `json:"name"`
	Title     string   `json:"title"`
	Note      string   `json:"note"`
	Reference string   `json:"reference"`
	Rounds    int      `json:"rounds"`
	Steal     float64  `json:"worst_steal_percent"`
	Tables    []Table  `json:"tables"`
	Failed    []Remark `json:"failed,omitempty"`       // wrong frames
	GaveUp    []Remark `json:"not_measured,omitempty"` // rounds that were given up
}

// Table is one metric: a row for each peer.
type Table struct {
	Metric  string   `json:"metric"`
	Title   string   `json:"title"`
	Better  string   `json:"better,omitempty"`
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`

	metric metric
}

// Row is one peer's cells, one for each column.
type Row struct {
	Peer   string `json:"peer"`
	Failed bool   `json:"failed"`
	Cells  []Cell `json:"cells"`
}

// Cell is one figure. Rounds holds null where a round was not measured; without
// any, there is no figure.
type Cell struct {
	Rounds     []*float64 `json:"rounds"`
	Median     float64    `json:"median"`
	Q1         float64    `json:"q1"`
	Q3         float64    `json:"q3"`
	Ratio      *float64   `json:"ratio,omitempty"` // to the reference: median of the rounds'
	LowerBound bool       `json:"lower_bound,omitempty"`
	Empty      bool       `json:"empty,omitempty"`
}

// The peer that shows what the generators can do, and from which share of it a
// figure is a lower bound.
const (
	headroomPeer  = "direct"
	headroomShare = 0.8
)

// report turns what was collected into tables.
func (r *results) report(peers []*peer) ScenarioReport {
	s := r.scenario
	rep := ScenarioReport{Name: s.name, Title: s.title, Note: s.note, Rounds: r.rounds}
	if len(peers) > 0 {
		rep.Reference = peers[0].name
	}
	for _, share := range r.steals {
		rep.Steal = max(rep.Steal, 100*share)
	}
	for _, m := range s.metrics {
		if len(r.columns[m.key]) > 0 {
			rep.Tables = append(rep.Tables, r.table(m, peers))
		}
	}
	for _, p := range peers {
		for _, text := range r.failures[p.name] {
			rep.Failed = append(rep.Failed, Remark{p.name, text})
		}
		for _, text := range r.gaveUp[p.name] {
			rep.GaveUp = append(rep.GaveUp, Remark{p.name, text})
		}
	}
	return rep
}

func (r *results) table(m metric, peers []*peer) Table {
	t := Table{Metric: m.key, Title: m.title, Better: string(m.better), Columns: r.columns[m.key], metric: m}
	for _, p := range peers {
		row := Row{Peer: p.name, Failed: len(r.failures[p.name]) > 0}
		for _, column := range t.Columns {
			row.Cells = append(row.Cells, r.cell(m, column, p.name, peers[0].name))
		}
		if slices.ContainsFunc(row.Cells, func(c Cell) bool { return !c.Empty }) || row.Failed || len(r.gaveUp[p.name]) > 0 {
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

func (r *results) cell(m metric, column, peer, reference string) Cell {
	values := r.values[cellKey{m.key, column, peer}]
	if len(stat.Present(values)) == 0 {
		return Cell{Empty: true}
	}
	c := Cell{Median: stat.Median(values)}
	c.Q1, c.Q3 = stat.Quartiles(values)
	for _, v := range values {
		c.Rounds = append(c.Rounds, orNil(v))
	}
	if peer != reference && !m.noRatio {
		c.Ratio = orNil(stat.Median(stat.Ratios(values, r.values[cellKey{m.key, column, reference}])))
	}
	ceiling := stat.Median(r.values[cellKey{m.key, column, headroomPeer}])
	c.LowerBound = m.headroom && peer != headroomPeer && c.Median > headroomShare*ceiling
	return c
}

// orNil is nil for NaN, which JSON does not have.
func orNil(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

// wrong reports whether a peer of ours has failed, or could not be measured, in
// any scenario.
func (rep *Report) wrong(ours func(peer string) bool) bool {
	for _, s := range rep.Scenarios {
		for _, list := range [][]Remark{s.Failed, s.GaveUp} {
			if slices.ContainsFunc(list, func(r Remark) bool { return ours(r.Peer) }) {
				return true
			}
		}
	}
	return false
}
