package bench

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"

	"ubridge/bench/chart"
)

// charts draws every table of the report that is to be drawn, as SVG and PNG.
func (rep *Report) charts(dir string) error {
	for _, s := range rep.Scenarios {
		for _, t := range s.Tables {
			if t.metric.chart == noChart {
				continue
			}
			if err := save(filepath.Join(dir, s.Name+"-"+t.Metric), rep.chart(s, t)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (rep *Report) chart(s ScenarioReport, t Table) *chart.Chart {
	c := &chart.Chart{
		Title:    s.Title + ": " + t.Title,
		Subtitle: fmt.Sprintf("%s is better; medians and quartiles of %d rounds; %d CPUs, Linux %s", t.Better, s.Rounds, rep.Machine.CPUs, rep.Machine.Kernel),
		Columns:  t.Columns, Lines: t.metric.chart == lineChart, Log: t.metric.log, LogX: t.metric.logX, Digits: t.metric.digits, XTitle: t.metric.axis,
	}
	for i, row := range t.Rows {
		line := chart.Series{Name: row.Peer, Color: colorOf(row.Peer, i)}
		if row.Failed {
			line.Name += " (FAILED)"
		}
		for _, cell := range row.Cells {
			line.Points = append(line.Points, chart.Point{Median: cell.Median, Q1: cell.Q1, Q3: cell.Q3, Empty: cell.Empty})
		}
		c.Series = append(c.Series, line)
	}
	return c
}

// References are grey, ubridge has the two strongest colours, and each peer has
// the same colour in every chart.
var (
	greyPeers     = []string{"bridge", "again", "direct", "bridge-nooff", "nft", "nft-again", "virbr0"}
	colouredPeers = []string{"ubridge", "ubridge-kernel", "ubridge-tap", "ovs-tso", "ovs", "ovs-tap", "vde", "pasta", "slirp4netns", "gvproxy", "iptables"}
)

func colorOf(peer string, i int) color.RGBA {
	if at := slices.Index(greyPeers, peer); at >= 0 {
		return chart.Greys[at%len(chart.Greys)]
	}
	if at := slices.Index(colouredPeers, peer); at >= 0 {
		i = at
	}
	return chart.Palette[i%len(chart.Palette)]
}

func save(path string, c *chart.Chart) error {
	picture, err := c.PNG()
	if err == nil {
		err = os.WriteFile(path+".png", picture, 0o644)
	}
	if err == nil {
		err = os.WriteFile(path+".svg", c.SVG(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("chart %s: %w", path, err)
	}
	return nil
}
