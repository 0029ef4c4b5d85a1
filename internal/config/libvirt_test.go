package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"ubridge/internal/config/libvirtxml"
)

// Each file of testdata/libvirt holds a definition in libvirt's form, what it is in
// TOML, what is not in force, and what it is when it is given back. UPDATE=1
// rewrites all but the first.
func TestLibvirtFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/libvirt/*.txtar")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := []txtar.File{archive.Files[0]}
			got = append(got, libvirtForms(t, archive.Files[0])...)
			if os.Getenv("UPDATE") != "" {
				archive.Files = got
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(texts(archive.Files), texts(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func libvirtForms(t *testing.T, in txtar.File) []txtar.File {
	t.Helper()
	n, notes, err := ParseLibvirt(in.Name, in.Data)
	if err != nil {
		t.Fatal(err)
	}
	out, err := n.MarshalLibvirt()
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, note := range notes {
		told = append(told, note.String())
	}
	if diff := cmp.Diff(told, n.NotInForce(), cmp.Transformer("sorted", sorted)); diff != "" {
		t.Errorf("the document and the definition differ in what is not in force: %s", diff)
	}
	back, _, err := ParseLibvirt("out.xml", out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sameNetwork(t, n, back)
	toml, err := ParseNetwork(n.Name, n.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	sameNetwork(t, n, toml)
	return []txtar.File{
		{Name: "out.toml", Data: n.Marshal()},
		{Name: "notes", Data: []byte(strings.Join(append(told, ""), "\n"))},
		{Name: "out.xml", Data: out},
	}
}

func sorted(list []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return set
}

type tester interface {
	Helper()
	Errorf(string, ...any)
}

func sameNetwork(t tester, want, got Network) {
	t.Helper()
	if diff := cmp.Diff(want, got, equal); diff != "" || !want.Equal(got) {
		t.Errorf("not the same network: %s", diff)
	}
}

func texts(files []txtar.File) map[string]string {
	m := map[string]string{}
	for _, f := range files {
		m[f.Name] = string(f.Data)
	}
	return m
}

// Whatever passes Check reads back as it was from libvirt's form, and from there
// as it was from TOML.
func TestLibvirtRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawNetwork(t)
		drawMode(t, &want)
		drawKept(t, &want)
		if err := want.Check(); err != nil {
			t.Fatalf("the generator made a bad network: %v", err)
		}
		doc, err := want.MarshalLibvirt()
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := ParseLibvirt(want.Name+".xml", doc)
		if err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		sameNetwork(t, want, got)
		again, err := got.MarshalLibvirt()
		if err != nil || !bytes.Equal(doc, again) {
			t.Fatalf("%v\n%s\n%s", err, doc, again)
		}
		toml, err := ParseNetwork(want.Name, got.Marshal())
		if err != nil {
			t.Fatalf("%v\n%s", err, got.Marshal())
		}
		sameNetwork(t, want, toml)
	})
}

func drawMode(t *rapid.T, n *Network) {
	n.UUID = rapid.SampledFrom([]string{"", "3e3fce45-4f53-4fa7-bb32-11f34168b82b"}).Draw(t, "uuid")
	n.Mode = rapid.SampledFrom([]Mode{ModeNAT, ModeIsolated, ModeHostOnly, ModeRoute, ModeOpen, ModeBridge}).Draw(t, "mode")
	if n.Mode != ModeNAT {
		n.NAT.Ports = PortRange{}
	}
	if !n.Routed() {
		n.NAT.Egress, n.Uplink = nil, ""
	}
	if len(n.DHCP.Ranges) == 0 {
		n.DHCP.ReservedOnly = rapid.Bool().Draw(t, "reserved only")
	}
	for i := range n.DHCP.Hosts {
		if rapid.Bool().Draw(t, "own lease") {
			n.DHCP.Hosts[i].LeaseTime = InfiniteLease
		}
	}
	if n.Mode == ModeBridge {
		bare := DefaultIn(n.Name, ModeBridge)
		bare.UUID, bare.Uplink, bare.IsolatedPorts, bare.MTU = n.UUID, "eth0", n.IsolatedPorts, n.MTU
		bare.Autostart, bare.Ageing, bare.Ports = n.Autostart, n.Ageing, n.Ports
		*n = bare
	}
}

// drawKept keeps some of what goes with the network, in the order of the table.
func drawKept(t *rapid.T, n *Network) {
	keep := func(fragment string) {
		if rapid.Bool().Draw(t, "keep") {
			n.Kept = append(n.Kept, fragment)
		}
	}
	keep("<network ipv6='no'/>")
	keep("<title>Lab &amp; &lt;shop></title>")
	if len(n.Kept) > 0 && strings.Contains(n.Kept[len(n.Kept)-1], "title") {
		n.Kept[len(n.Kept)-1] = "<title>Lab &amp; &lt;shop&gt;</title>"
	}
	keep(`<metadata><x:y xmlns:x="urn:x"> <!-- a --> <z>1</z></x:y></metadata>`)
	if n.Mode == ModeBridge {
		return
	}
	if n.Mode == ModeNAT && n.NAT.Ports == (PortRange{}) {
		keep("<forward><nat><port start='1024' end='65535'/></nat></forward>")
	}
	keep("<bridge stp='on' delay='2'/>")
	if n.Pinned() {
		keep("<ip localPtr='no'><tftp root='/x'/></ip>")
	}
	keep("<ip family='ipv6' address='fd00::1' prefix='64'><dhcp><range start='fd00::2' end='fd00::9'/></dhcp></ip>")
	keep("<portgroup name='p'/>")
	keep("<dnsmasq:options xmlns:dnsmasq='" + libvirtxml.DnsmasqSpace + "'><dnsmasq:option value='x'/></dnsmasq:options>")
}

// FuzzParseLibvirt: no document crashes the parser, faults carry a line and a
// reason, and what parses survives both forms.
func FuzzParseLibvirt(f *testing.F) {
	files, _ := filepath.Glob("testdata/libvirt/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	for _, c := range libvirtFaults {
		f.Add([]byte(c.doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		n, _, err := ParseLibvirt("fuzz.xml", doc)
		if err != nil {
			for _, one := range each(err) {
				if e, ok := errors.AsType[*Error](one); !ok || e.Line < 1 || e.Reason == "" {
					t.Fatalf("a fault without line or words: %v", one)
				}
			}
			return
		}
		out, err := n.MarshalLibvirt()
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := ParseLibvirt("out.xml", out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		sameNetwork(t, n, back)
		toml, err := ParseNetwork(n.Name, n.Marshal())
		if err != nil {
			t.Fatalf("%v\n%s", err, n.Marshal())
		}
		sameNetwork(t, n, toml)
	})
}
