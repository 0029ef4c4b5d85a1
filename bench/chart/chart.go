package chart

import "image/color"

// Chart is what is drawn.
type Chart struct {
	Title    string
	Subtitle string
	XTitle   string // of a line chart's columns
	Columns  []string
	Series   []Series
	Lines    bool // lines over the columns, which are numbers (others stand behind them); else groups of bars
	Log      bool // a logarithmic vertical axis
	LogX     bool // of lines: a logarithmic horizontal axis
	Digits   int  // of the figures above bars
}

// Series is one bar in each group, or one line.
type Series struct {
	Name   string
	Color  color.RGBA
	Points []Point // one for each column
}

// Point is one figure with its quartiles.
type Point struct {
	Median, Q1, Q3 float64
	Empty          bool // there is no figure
}

// Palette are colours that are easy to tell apart.
var Palette = []color.RGBA{
	{0xd5, 0x5e, 0x00, 0xff}, // vermilion
	{0x00, 0x72, 0xb2, 0xff}, // blue
	{0x00, 0x9e, 0x73, 0xff}, // green
	{0xcc, 0x79, 0xa7, 0xff}, // purple
	{0xe6, 0x9f, 0x00, 0xff}, // orange
	{0x56, 0xb4, 0xe9, 0xff}, // sky
	{0xb8, 0xa8, 0x10, 0xff}, // yellow, darkened to be seen on white
	{0x7f, 0x3c, 0x8d, 0xff}, // violet
	{0x8c, 0x51, 0x0a, 0xff}, // brown
}

// Greys are for what the others are compared with.
var Greys = []color.RGBA{{0x40, 0x40, 0x40, 0xff}, {0x8c, 0x8c, 0x8c, 0xff}, {0xc4, 0xc4, 0xc4, 0xff}, {0x6a, 0x7a, 0x8a, 0xff}}

var (
	white = color.RGBA{0xff, 0xff, 0xff, 0xff}
	ink   = color.RGBA{0x22, 0x22, 0x22, 0xff}
	faint = color.RGBA{0x66, 0x66, 0x66, 0xff}
	grid  = color.RGBA{0xe4, 0xe4, 0xe4, 0xff}
)

// SVG draws the chart as an SVG document.
func (c *Chart) SVG() []byte {
	l := c.layout()
	s := newSVG(l.width, l.height)
	l.draw(s)
	return s.document()
}

// PNG draws the chart as a PNG image.
func (c *Chart) PNG() ([]byte, error) {
	l := c.layout()
	p := newRaster(l.width, l.height)
	l.draw(p)
	return p.encode()
}
