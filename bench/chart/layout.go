package chart

import "strconv"

// Measures of the page, in pixels.
const (
	margin     = 16.0
	plotHeight = 300.0
	minWidth   = 660.0
	barWidth   = 13.0 // at least
	groupGap   = 26.0
	swatch     = 12.0
)

// layout is a chart with places for everything.
type layout struct {
	*Chart
	axis                     axis
	width, height            float64
	left, top, right, bottom float64 // of the plot
	legend                   []place
	places                   []float64 // of a line chart's columns
}

// place is where an entry of the legend goes.
type place struct{ x, y float64 }

func (c *Chart) layout() *layout {
	l := &layout{Chart: c, axis: c.newAxis(), places: c.places()}
	l.left = margin + 8
	for _, t := range l.axis.ticks {
		l.left = max(l.left, margin+8+textWidth(trim(t)))
	}
	l.width = max(minWidth, l.left+margin+l.wanted(), 2*margin+textWidth(c.Title), 2*margin+textWidth(c.Subtitle))
	l.right = l.width - margin
	l.top = margin + 2*lineHeight
	l.placeLegend()
	l.bottom = l.top + plotHeight
	l.height = l.bottom + margin + lineHeight
	if c.XTitle != "" {
		l.height += lineHeight
	}
	return l
}

// wanted is how wide the plot should be.
func (l *layout) wanted() float64 {
	bar := barWidth
	for _, s := range l.Series {
		for _, p := range s.Points {
			bar = max(bar, textWidth(l.figure(p))+4) // no figure is lost
		}
	}
	group := groupGap + bar*float64(len(l.Series))
	if l.Lines {
		group = 70
	}
	for _, column := range l.Columns {
		group = max(group, textWidth(column)+2*charWidth)
	}
	return group * float64(len(l.Columns))
}

// placeLegend fills lines below the title, and begins the plot under them.
func (l *layout) placeLegend() {
	x, y := margin, l.top+lineHeight
	for _, s := range l.Series {
		entry := swatch + 6 + textWidth(s.Name) + 16
		if x+entry > l.right && x > margin {
			x, y = margin, y+lineHeight
		}
		l.legend = append(l.legend, place{x, y})
		x += entry
	}
	l.top = y + lineHeight
}

// y is the height of a figure.
func (l *layout) y(v float64) float64 { return l.bottom - l.axis.share(v)*(l.bottom-l.top) }

// column is where a column begins and how wide it is.
func (l *layout) column(i int) (x, width float64) {
	width = (l.right - l.left) / float64(max(len(l.Columns), 1))
	return l.left + float64(i)*width, width
}

// middle is where the middle of a column is.
func (l *layout) middle(i int) float64 {
	if l.Lines {
		return l.left + l.places[i]*(l.right-l.left)
	}
	x, width := l.column(i)
	return x + width/2
}

func (l *layout) draw(c canvas) {
	c.text(margin, margin+lineHeight-4, left, true, ink, l.Title)
	c.text(margin, margin+2*lineHeight-4, left, false, faint, l.Subtitle)
	l.drawAxis(c)
	for i, s := range l.Series {
		at := l.legend[i]
		c.rect(at.x, at.y-swatch+2, swatch, swatch, s.Color)
		c.text(at.x+swatch+6, at.y+1, left, false, ink, s.Name)
		if l.Lines {
			l.drawLine(c, s)
		} else {
			l.drawBars(c, i)
		}
	}
	c.line(l.left, l.bottom, l.right, l.bottom, 1, ink)
}

func (l *layout) drawAxis(c canvas) {
	for _, t := range l.axis.ticks {
		c.line(l.left, l.y(t), l.right, l.y(t), 1, grid)
		c.text(l.left-8, l.y(t)+5, right, false, faint, trim(t))
	}
	end := 0.0 // of the text before
	for i, name := range l.Columns {
		x := l.middle(i)
		c.line(x, l.bottom, x, l.bottom+4, 1, ink)
		if begin := leftOf(x, middle, name); begin > end {
			c.text(x, l.bottom+lineHeight, middle, false, ink, name)
			end = begin + textWidth(name) + charWidth/2
		}
	}
	c.text((l.left+l.right)/2, l.bottom+2*lineHeight, middle, false, faint, l.XTitle)
}

// drawBars draws one series' bar of every group.
func (l *layout) drawBars(c canvas, series int) {
	s, n := l.Series[series], float64(len(l.Series))
	for i, p := range s.Points {
		if p.Empty {
			continue
		}
		x, width := l.column(i)
		bar := (width - groupGap) / n
		x += groupGap/2 + float64(series)*bar
		c.rect(x+1, l.y(p.Median), bar-2, l.bottom-l.y(p.Median), s.Color)
		l.whisker(c, x+bar/2, p, min(bar/2, 8))
		c.text(x+bar/2, l.y(max(p.Median, p.Q3))-4, middle, false, ink, l.figure(p))
	}
}

// figure is what stands above a bar.
func (l *layout) figure(p Point) string {
	if p.Empty {
		return ""
	}
	return strconv.FormatFloat(p.Median, 'f', l.Digits, 64)
}

// drawLine joins a series' dots.
func (l *layout) drawLine(c canvas, s Series) {
	last := place{}
	for i, p := range s.Points {
		if p.Empty {
			last = place{}
			continue
		}
		at := place{l.middle(i), l.y(p.Median)}
		if last != (place{}) {
			c.line(last.x, last.y, at.x, at.y, 2, s.Color)
		}
		l.whisker(c, at.x, p, 6)
		c.dot(at.x, at.y, 4, s.Color)
		last = at
	}
}

// whisker shows the quartiles.
func (l *layout) whisker(c canvas, x float64, p Point, width float64) {
	if p.Q1 == p.Q3 {
		return
	}
	c.line(x, l.y(p.Q1), x, l.y(p.Q3), 1, ink)
	c.line(x-width/2, l.y(p.Q1), x+width/2, l.y(p.Q1), 1, ink)
	c.line(x-width/2, l.y(p.Q3), x+width/2, l.y(p.Q3), 1, ink)
}
