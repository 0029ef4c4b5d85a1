package chart

import (
	"image/color"
	"unicode/utf8"
)

// canvas is what a chart is drawn on. Coordinates are pixels from the top left.
type canvas interface {
	rect(x, y, w, h float64, c color.RGBA)
	line(x1, y1, x2, y2, width float64, c color.RGBA)
	dot(x, y, radius float64, c color.RGBA)
	// text puts s with its baseline at y; at says which part of it is at x.
	text(x, y float64, at anchor, bold bool, c color.RGBA, s string)
}

// anchor is the part of a text that a coordinate names.
type anchor int

const (
	left anchor = iota
	middle
	right
)

// Every character is as wide and as high as every other.
const (
	charWidth  = 8.0
	lineHeight = 18.0
)

// textWidth is how much room a text takes.
func textWidth(s string) float64 { return charWidth * float64(utf8.RuneCountInString(s)) }

// leftOf is where a text begins that is anchored at x.
func leftOf(x float64, at anchor, s string) float64 {
	switch at {
	case middle:
		return x - textWidth(s)/2
	case right:
		return x - textWidth(s)
	}
	return x
}
