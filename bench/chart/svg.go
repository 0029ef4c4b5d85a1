package chart

import (
	"fmt"
	"html"
	"image/color"
	"strings"
)

// svg is a canvas that writes SVG.
type svg struct {
	b             strings.Builder
	width, height float64
}

func newSVG(width, height float64) *svg {
	s := &svg{width: width, height: height}
	s.rect(0, 0, width, height, white)
	return s
}

// document is what was drawn, as a file.
func (s *svg) document() []byte {
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="Inconsolata, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13.3">
%s</svg>
`, s.width, s.height, s.width, s.height, s.b.String())
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

func (s *svg) rect(x, y, w, h float64, c color.RGBA) {
	fmt.Fprintf(&s.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, w, h, hex(c))
}

func (s *svg) line(x1, y1, x2, y2, width float64, c color.RGBA) {
	fmt.Fprintf(&s.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>`+"\n", x1, y1, x2, y2, hex(c), width)
}

func (s *svg) dot(x, y, radius float64, c color.RGBA) {
	fmt.Fprintf(&s.b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`+"\n", x, y, radius, hex(c))
}

// text gives its length too, so that a viewer's own font keeps within it.
func (s *svg) text(x, y float64, at anchor, bold bool, c color.RGBA, text string) {
	weight := ""
	if bold {
		weight = ` font-weight="bold"`
	}
	fmt.Fprintf(&s.b, `<text x="%.1f" y="%.1f" textLength="%.0f" lengthAdjust="spacingAndGlyphs" fill="%s"%s>%s</text>`+"\n",
		leftOf(x, at, text), y, textWidth(text), hex(c), weight, html.EscapeString(text))
}
