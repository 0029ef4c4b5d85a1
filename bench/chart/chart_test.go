package chart_test

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ubridge/bench/chart"
)

// sample is a chart of bars or lines with something of everything.
func sample(lines, log bool) *chart.Chart {
	c := &chart.Chart{
		Title: "Bulk TCP: throughput, Gb/s", Subtitle: "kernel & <others>, higher is better",
		Columns: []string{"1 >", "1 <", "4 >"}, Lines: lines, Log: log, Digits: 1,
	}
	for i, name := range []string{"bridge", "ubridge", "ovs-tso", "vde"} {
		v := 50 / float64(i*i+1)
		c.Series = append(c.Series, chart.Series{Name: name, Color: chart.Palette[i], Points: []chart.Point{
			{Median: v, Q1: v * 0.9, Q3: v * 1.1}, {Median: v * 1.2, Q1: v * 1.2, Q3: v * 1.2}, {Empty: i == 2, Median: v},
		}})
	}
	return c
}

func forms() map[string]*chart.Chart {
	empty := &chart.Chart{Title: "nothing", Columns: []string{"a"}, Series: []chart.Series{{Name: "x", Points: []chart.Point{{Empty: true}}}}}
	return map[string]*chart.Chart{
		"bars": sample(false, false), "bars-log": sample(false, true), "lines": sample(true, false), "lines-log": sample(true, true),
		"empty": empty, "no columns": {Title: "none"}, "log empty": {Log: true, Columns: []string{"a"}},
	}
}

func TestSVGIsWellFormed(t *testing.T) {
	for name, c := range forms() {
		text := c.SVG()
		d := xml.NewDecoder(bytes.NewReader(text))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
		if bytes.Contains(text, []byte("NaN")) || bytes.Contains(text, []byte("Inf")) {
			t.Errorf("%s: a coordinate is no number", name)
		}
	}
	if text := string(sample(false, false).SVG()); !strings.Contains(text, "kernel &amp; &lt;others&gt;") || !strings.Contains(text, "50.0") {
		t.Errorf("text is missing or not escaped:\n%s", text)
	}
}

// UBRIDGE_CHARTS=DIR keeps the pictures, to be looked at.
func TestPNGDecodes(t *testing.T) {
	for name, c := range forms() {
		text, err := c.PNG()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		img, err := png.Decode(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if size := img.Bounds().Size(); size.X < 600 || size.Y < 300 {
			t.Errorf("%s: %v", name, size)
		}
		if dir := os.Getenv("UBRIDGE_CHARTS"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, name+".png"), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What is higher is drawn higher, also on a logarithmic axis.
func TestBarsGrowWithTheFigure(t *testing.T) {
	for _, log := range []bool{false, true} {
		c := &chart.Chart{Columns: []string{"a"}, Log: log, Series: []chart.Series{
			{Name: "low", Color: chart.Palette[0], Points: []chart.Point{{Median: 10, Q1: 10, Q3: 10}}},
			{Name: "high", Color: chart.Palette[1], Points: []chart.Point{{Median: 100, Q1: 100, Q3: 100}}},
		}}
		text, err := c.PNG()
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		count := map[bool]int{}
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				switch img.At(x, y) {
				case chart.Palette[0]:
					count[false]++
				case chart.Palette[1]:
					count[true]++
				}
			}
		}
		if count[false] == 0 || count[true] < count[false]*3/2 {
			t.Errorf("log %v: %d pixels for 10, %d for 100", log, count[false], count[true])
		}
	}
}
