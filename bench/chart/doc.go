// Package chart draws bar and line charts as SVG and PNG.
//
// # Theory of operation
//
// A Chart is data; layout.go works out where everything goes and draws it on a
// canvas, which knows rectangles, lines, dots and text in one font of fixed
// width. There are two canvases: one writes SVG elements, one fills pixels
// (golang.org/x/image/vector with anti-aliasing, the bitmap font Inconsolata).
// Both measure text alike, eight by sixteen pixels a character, so that what
// does not overlap in one does not overlap in the other.
//
// Whiskers are quartiles. A bar that has no figure is left out, not zero. A
// logarithmic axis has no zero; its bars begin at its lower end.
//
// # Concurrency
//
// A Chart is only read; each drawing has a canvas of its own.
//
// # Standards
//
// SVG 1.1; PNG by image/png. The colours are Okabe and Ito's, which people with
// colour vision deficiency tell apart.
package chart
