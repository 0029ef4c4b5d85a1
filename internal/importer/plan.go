package importer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"ubridge/internal/config"
)

// Plan is what an import would make.
type Plan struct {
	Networks []Network
	Notes    []Note // of Networks and of none, in the order they were found
}

// Network is one definition with what goes along with it.
type Network struct {
	config.Network
	From   string  // the file, and its line where it has one, that says so
	Leases []Lease // that guests hold now
	Edit   string  // what the user changes in the other tool's files; empty: nothing
}

// Lease is an address that a guest holds.
type Lease struct {
	MAC      net.HardwareAddr
	IP       netip.Addr
	Hostname string    // as the tool has it; empty: none
	ClientID []byte    // option 61, type octet included; nil: none
	Expires  time.Time // zero: never
}

// Note is something that could not be carried over, or was guessed.
type Note struct {
	Network string `json:"network"` // name; empty: of none
	File    string `json:"file"`
	Line    int    `json:"line"` // from 1; 0 where the file has no lines
	Key     string `json:"key"`
	Reason  string `json:"reason"`
	Fix     string `json:"fix"` // what to do instead; empty: nothing
}

// String is "FILE:LINE: KEY: REASON; FIX", with the parts that are known.
func (n Note) String() string {
	text := strings.TrimSpace((&config.Error{File: n.File, Line: n.Line, Key: n.Key, Reason: n.Reason, Fix: n.Fix}).Error())
	return strings.TrimPrefix(text, ": ")
}

// At is where something stands, and the note's first words.
type At struct {
	Network string
	File    string
	Line    int
}

// String is FILE:LINE.
func (a At) String() string {
	if a.Line == 0 {
		return a.File
	}
	return fmt.Sprintf("%s:%d", a.File, a.Line)
}

// Note adds a note about key. The fix is a clause such as "set mtu".
func (p *Plan) Note(at At, key, fix, format string, args ...any) {
	p.Notes = append(p.Notes, Note{
		Network: at.Network, File: at.File, Line: at.Line, Key: key, Reason: fmt.Sprintf(format, args...), Fix: fix,
	})
}

// Add takes a network into the plan. One that is no valid definition is left
// out, and each fault becomes a note.
func (p *Plan) Add(at At, n Network) {
	n.From = at.String()
	err := n.Check()
	if err == nil {
		p.Networks = append(p.Networks, n)
		return
	}
	list := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		list = several.Unwrap()
	}
	for _, fault := range list {
		p.refuse(at, fault)
	}
}

// refuse notes why a network cannot be made.
func (p *Plan) refuse(at At, fault error) {
	var told *config.Error
	if !errors.As(fault, &told) {
		told = &config.Error{Reason: fault.Error()}
	}
	p.Note(at, told.Key, told.Fix, "network %s cannot be made of this: %s", at.Network, told.Reason)
}

// NotesOf are the notes of a network; of the empty name those of none.
func (p *Plan) NotesOf(network string) (list []Note) {
	for _, n := range p.Notes {
		if n.Network == network {
			list = append(list, n)
		}
	}
	return list
}
