package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lines gives the line of each key of a document, from 1. Keys are written as
// in messages: dhcp.hosts[1].mac. Elements of arrays have entries too.
type lines map[string]int

// of is the line of key, or of the nearest table or array around it when the
// document does not hold the key itself. It is 0 for a model without text.
func (l lines) of(key string) int {
	if l == nil {
		return 0
	}
	for {
		if n, ok := l[key]; ok {
			return n
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			return 1
		}
		key = key[:cut]
	}
}

// indexLines walks the syntax tree of a document that has already decoded.
func indexLines(doc []byte) lines {
	x := indexer{lines: lines{}, arrays: map[string]int{}}
	for i, c := range doc {
		if c == '\n' {
			x.ends = append(x.ends, uint32(i))
		}
	}
	x.parser.Reset(doc)
	table := ""
	for x.parser.NextExpression() {
		switch n := x.parser.Expression(); n.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = x.header(n)
		case unstable.KeyValue:
			x.keyValue(table, n)
		}
	}
	return x.lines
}

type indexer struct {
	parser unstable.Parser
	lines  lines
	arrays map[string]int // array of tables → elements so far
	ends   []uint32       // offsets of the line ends
}

// header enters a [table] or [[array.of.tables]] and gives its key.
func (x *indexer) header(n *unstable.Node) string {
	key := ""
	for it := n.Key(); it.Next(); {
		key = join(key, string(it.Node().Data))
		if it.IsLast() && n.Kind == unstable.ArrayTable {
			x.arrays[key]++
		}
		if elements := x.arrays[key]; elements > 0 {
			key = element(key, elements-1)
		}
		if it.IsLast() {
			x.mark(key, it.Node())
		}
	}
	return key
}

func (x *indexer) keyValue(table string, n *unstable.Node) {
	key := table
	for it := n.Key(); it.Next(); {
		key = join(key, string(it.Node().Data))
		x.mark(key, it.Node())
	}
	x.value(key, n.Value())
}

// value descends into arrays and inline tables.
func (x *indexer) value(key string, n *unstable.Node) {
	it := n.Children()
	switch n.Kind {
	case unstable.InlineTable:
		for it.Next() {
			x.keyValue(key, it.Node())
		}
	case unstable.Array:
		for i := 0; it.Next(); i++ {
			child := element(key, i)
			if it.Node().Raw.Length > 0 {
				x.mark(child, it.Node())
			}
			x.value(child, it.Node())
		}
	}
}

// mark notes the line where key is first seen.
func (x *indexer) mark(key string, n *unstable.Node) {
	if _, seen := x.lines[key]; !seen {
		line, _ := slices.BinarySearch(x.ends, n.Raw.Offset)
		x.lines[key] = line + 1
	}
}

func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}

func element(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }
