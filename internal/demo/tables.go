package demo

import "strings"

// The tables are what the verbs print: the first line says how to get them.

func (t *tour) showLeases() string {
	return t.table("net leases default", t.firstAddr, t.secondAddr, t.lease)
}

func (t *tour) showPorts() string { return t.table("port list default", "veth1", "veth2") }

func (t *tour) showFDB() string { return t.table("fdb default", "veth1", "veth2") }

func (t *tour) showFlows() string {
	return t.table("nat flows default", t.firstAddr, hostOutside, serverFar)
}

// table runs a verb whose output must hold some words.
func (t *tour) table(verb string, words ...string) string {
	out := t.ubridge(strings.Fields(verb)...)
	for _, word := range words {
		if !strings.Contains(out, word) {
			t.Fatalf("ubridge %s does not show %s:\n%s", verb, word, out)
		}
	}
	return "$ ubridge " + verb + "\n" + out
}
