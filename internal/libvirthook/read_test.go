package libvirthook

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const domain = `<domain type='qemu' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web &amp; mail</name>
  <metadata>
    <other:guest xmlns:other='urn:other' network='theirs'/>
    <u:guest xmlns:u='urn:ubridge:domain:1' network='default'>
      <u:interface mac='52:54:00:00:00:0B' network='lab'/>
      <u:interface mac='52:54:00:00:00:0c'/>
    </u:guest>
  </metadata>
  <devices>
    <disk type='file'><target dev='vda'/></disk>
    <interface type='ethernet'><mac address='52:54:00:00:00:0a'/><target dev='vnet0'/><alias name='net0'/></interface>
    <interface type='ethernet'><mac address='52:54:00:00:00:0b'/><target dev='vnet1' managed='no'/></interface>
    <interface type='ethernet'><mac address='52:54:00:00:00:0c'/><target dev='vnet2'/></interface>
    <interface type='network'><mac address='52:54:00:00:00:0d'/><source network='default' bridge='virbr0'/><target dev='vnet3'/></interface>
    <interface type='ethernet'><mac address='52:54:00:00:00:0e'/></interface>
  </devices>
</domain>`

func TestRead(t *testing.T) {
	got, err := Read(strings.NewReader(domain))
	if err != nil {
		t.Fatal(err)
	}
	want := Domain{Name: "web & mail", Interfaces: []Interface{
		{"vnet0", "52:54:00:00:00:0a", "default"},
		{"vnet1", "52:54:00:00:00:0b", "lab"},
		{"vnet2", "52:54:00:00:00:0c", ""}, // named, and to be left alone
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got, err = Read(strings.NewReader(strings.Replace(domain, "urn:ubridge", "urn:ubrudge", 1)))
	if err != nil || len(got.Interfaces) != 3 || got.Interfaces[0].Network != "" {
		t.Errorf("without our element: %+v, %v", got, err)
	}
	if _, err := Read(strings.NewReader("<domain>")); err == nil {
		t.Error("a domain without an end is read")
	}
}

func TestOperations(t *testing.T) {
	for words, want := range map[string]bool{
		"start begin": true, "reconnect begin": true, "attach begin": true,
		"prepare begin": false, "started begin": false, "stopped end": false, "release end": false, "start end": false,
	} {
		op, sub, _ := strings.Cut(words, " ")
		if Tells(op, sub) != want {
			t.Errorf("%s: %v", words, !want)
		}
	}
}

// FuzzRead: no XML crashes the reader, and an interface has a device.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{domain, "", "<domain/>", "<a><devices><interface type='ethernet'><target dev='x'/></interface></devices></a>", "<!DOCTYPE d [<!ENTITY a 'b'>]><d>&a;</d>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Read(strings.NewReader(text))
		if err != nil && err.Error() == "" {
			t.Error("refused without words")
		}
		for _, i := range d.Interfaces {
			if i.Device == "" {
				t.Errorf("%q has an interface without a device", text)
			}
		}
	})
}
