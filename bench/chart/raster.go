package chart

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/inconsolata"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// raster is a canvas of pixels.
type raster struct{ img *image.RGBA }

func newRaster(width, height float64) *raster {
	p := &raster{image.NewRGBA(image.Rect(0, 0, int(math.Ceil(width)), int(math.Ceil(height))))}
	draw.Draw(p.img, p.img.Bounds(), image.NewUniform(white), image.Point{}, draw.Src)
	return p
}

func (p *raster) encode() ([]byte, error) {
	var b bytes.Buffer
	err := png.Encode(&b, p.img)
	return b.Bytes(), err
}

// polygon fills the inside of a closed line.
func (p *raster) polygon(c color.RGBA, points ...[2]float64) {
	size := p.img.Bounds().Size()
	r := vector.NewRasterizer(size.X, size.Y)
	r.MoveTo(float32(points[0][0]), float32(points[0][1]))
	for _, at := range points[1:] {
		r.LineTo(float32(at[0]), float32(at[1]))
	}
	r.ClosePath()
	r.Draw(p.img, p.img.Bounds(), image.NewUniform(c), image.Point{})
}

func (p *raster) rect(x, y, w, h float64, c color.RGBA) {
	at := image.Rect(int(math.Round(x)), int(math.Round(y)), int(math.Round(x+w)), int(math.Round(y+h)))
	draw.Draw(p.img, at, image.NewUniform(c), image.Point{}, draw.Src)
}

func (p *raster) line(x1, y1, x2, y2, width float64, c color.RGBA) {
	if x1 == x2 || y1 == y2 { // on whole pixels it is sharp
		half := width / 2
		p.rect(min(x1, x2)-half, min(y1, y2)-half, math.Abs(x2-x1)+width, math.Abs(y2-y1)+width, c)
		return
	}
	length := math.Hypot(x2-x1, y2-y1)
	dx, dy := (y2-y1)/length*width/2, (x1-x2)/length*width/2 // across the line
	p.polygon(c, [2]float64{x1 + dx, y1 + dy}, [2]float64{x2 + dx, y2 + dy}, [2]float64{x2 - dx, y2 - dy}, [2]float64{x1 - dx, y1 - dy})
}

func (p *raster) dot(x, y, radius float64, c color.RGBA) {
	const corners = 24
	points := make([][2]float64, 0, corners)
	for i := range corners {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		points = append(points, [2]float64{x + radius*cos, y + radius*sin})
	}
	p.polygon(c, points...)
}

func (p *raster) text(x, y float64, at anchor, bold bool, c color.RGBA, s string) {
	face := inconsolata.Regular8x16
	if bold {
		face = inconsolata.Bold8x16
	}
	d := font.Drawer{Dst: p.img, Src: image.NewUniform(c), Face: face, Dot: fixed.P(int(math.Round(leftOf(x, at, s))), int(math.Round(y)))}
	d.DrawString(s)
}
