package netplan

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"ubridge/internal/importer"
)

// Bounds of a document, with its aliases followed.
const (
	maxNodes = 100_000
	maxDepth = 64
)

// tree is a YAML value that knows where it stands. The nil tree is an absent one.
type tree struct {
	file   string
	line   int
	kind   yaml.Kind // ScalarNode, SequenceNode or MappingNode
	scalar string
	style  yaml.Style // quoted texts stay quoted
	null   bool
	items  []*tree
	keys   []string // of a mapping, in order
	kids   map[string]*tree
}

// parse reads one document.
func parse(file string, text []byte) (*tree, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %s; correct the YAML", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return nil, nil // an empty file
	}
	c := converter{file: file}
	return c.tree(doc.Content[0], 0)
}

// converter follows aliases, within bounds.
type converter struct {
	file  string
	nodes int
}

func (c *converter) tree(n *yaml.Node, depth int) (*tree, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if c.nodes++; c.nodes > maxNodes || depth > maxDepth {
		return nil, fmt.Errorf("%s:%d: more than netplan's files hold; check that it is one", c.file, n.Line)
	}
	t := &tree{file: c.file, line: n.Line, kind: n.Kind, scalar: n.Value, style: n.Style & (yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle), null: n.Kind == yaml.ScalarNode && n.Tag == "!!null"}
	if n.Kind == yaml.SequenceNode {
		for _, child := range n.Content {
			item, err := c.tree(child, depth+1)
			if err != nil {
				return nil, err
			}
			t.items = append(t.items, item)
		}
	}
	if n.Kind == yaml.MappingNode {
		return t, c.mapping(t, n, depth)
	}
	return t, nil
}

func (c *converter) mapping(t *tree, n *yaml.Node, depth int) error {
	t.kids = map[string]*tree{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		kid, err := c.tree(n.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		kid.line = n.Content[i].Line // where its key is
		t.put(n.Content[i].Value, kid)
	}
	return nil
}

func (t *tree) put(key string, kid *tree) {
	if t.kids[key] == nil {
		t.keys = append(t.keys, key)
	}
	t.kids[key] = kid
}

// merge puts a later document over an earlier one.
func merge(old, over *tree) *tree {
	switch {
	case old == nil || over == nil:
		if over == nil {
			return old
		}
		return over
	case old.kind == yaml.MappingNode && over.kind == yaml.MappingNode:
		for _, key := range over.keys {
			old.put(key, merge(old.kids[key], over.kids[key]))
		}
		return old
	case old.kind == yaml.SequenceNode && over.kind == yaml.SequenceNode:
		old.items = append(old.items, over.items...)
		return old
	}
	return over
}

// get is the value at a path of keys; nil where there is none, or null.
func (t *tree) get(path ...string) *tree {
	for _, key := range path {
		if t == nil || t.kids[key] == nil {
			return nil
		}
		t = t.kids[key]
	}
	if t != nil && t.null {
		return nil
	}
	return t
}

// text is a scalar; empty for anything else.
func (t *tree) text() string {
	if t == nil || t.null {
		return ""
	}
	return t.scalar
}

// names are a list of scalars; of a mapping, its keys.
func (t *tree) names() (list []string) {
	if t == nil {
		return nil
	}
	for _, item := range t.items {
		if item.kind == yaml.MappingNode {
			list = append(list, item.keys...) // an address with its options
			continue
		}
		list = append(list, item.text())
	}
	return append(list, t.keys...)
}

// at is the place of a value of a network.
func (t *tree) at(network string) importer.At {
	return importer.At{Network: network, File: t.file, Line: t.line}
}

// node is the tree as YAML.
func (t *tree) node() *yaml.Node {
	n := &yaml.Node{Kind: t.kind, Value: t.scalar, Style: t.style}
	if t.null {
		n.Tag, n.Value = "!!null", "null"
	}
	for _, item := range t.items {
		n.Content = append(n.Content, item.node())
	}
	for _, key := range t.keys {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, t.kids[key].node())
	}
	return n
}
