package libvirtxml

import (
	"strings"
	"testing"
)

func mustParse(t *testing.T, doc string) *Element {
	t.Helper()
	root, faults := Parse([]byte(doc))
	if len(faults) > 0 {
		t.Fatalf("%v", faults[0])
	}
	return root
}

// What is in <metadata> is kept to the letter, with its namespaces.
func TestMetadataIsKeptToTheLetter(t *testing.T) {
	const in = `<a:x b:y="1">mixed <b:z/><!-- c --> <![CDATA[<d>]]></a:x>`
	root := mustParse(t, `<network xmlns:a="urn:a" xmlns:b="urn:b" xmlns:c="urn:c"><metadata>`+in+`</metadata></network>`)
	want := `<metadata><a:x xmlns:a='urn:a' xmlns:b='urn:b' b:y="1">mixed <b:z/><!-- c --> <![CDATA[<d>]]></a:x></metadata>`
	got := root.Fragments()
	if len(got) != 1 || got[0] != want {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	again := New("network")
	if err := again.Merge(got); err != nil {
		t.Fatal(err)
	}
	if got := mustParse(t, string(again.Write())).Fragments(); len(got) != 1 || got[0] != want {
		t.Errorf("after writing: %q", got)
	}
}

func TestFragmentsGoBackWhereTheyWere(t *testing.T) {
	const doc = `<network ipv6='no'>
  <forward mode='nat'>
    <nat ipv6='yes'>
      <port start='1' end='2'/>
    </nat>
  </forward>
  <bridge name='b' stp='on'/>
  <ip address='10.0.0.1'>
    <tftp root='&lt;&apos;&gt;'/>
    <dhcp>
      <range start='10.0.0.2' end='10.0.0.3'/>
    </dhcp>
  </ip>
</network>
`
	root := mustParse(t, doc)
	fragments := root.Fragments()
	honoured := New("network").Add(
		New("ip", "address", "10.0.0.1").Add(New("dhcp").Add(New("range", "start", "10.0.0.2", "end", "10.0.0.3"))),
		New("bridge", "name", "b"),
		New("forward", "mode", "nat").Add(New("nat").Add(New("port", "start", "1", "end", "2"))),
	)
	if err := honoured.Merge(fragments); err != nil {
		t.Fatal(err)
	}
	if got := string(honoured.Write()); got != doc {
		t.Errorf("%q gave\n%s", fragments, got)
	}
}

func TestMergeRefusesWhatIsThere(t *testing.T) {
	root := New("network").Add(New("bridge", "name", "b"))
	err := root.Merge([]string{"<title/>", "<bridge name='c'/>"})
	if err == nil || err.Error() != "fragment 1: <bridge name> is said elsewhere too" {
		t.Error(err)
	}
}

func TestFaultsAreBounded(t *testing.T) {
	_, faults := Parse([]byte("<network>" + strings.Repeat("<x/>", 1000) + "</network>"))
	if len(faults) != maxFaults {
		t.Errorf("%d faults", len(faults))
	}
}

func TestLineOfAnElement(t *testing.T) {
	root := mustParse(t, "<?xml version='1.0'?>\n<!--\n-->\n<network>\n<ip\naddress='10.0.0.1'\n/>\n<mtu size='1500'/></network>")
	if got := []int{root.Line, root.Child("ip").Line, root.Child("mtu").Line}; got[0] != 4 || got[1] != 5 || got[2] != 8 {
		t.Error(got)
	}
}

// FuzzParse: no document crashes the parser, and what it takes is the same after
// it was written and read again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"<network/>", "<network><metadata><a xmlns='urn:a'/><b/></metadata></network>", "\ufeff<network>\n</network>",
		"<network xmlns:m='urn:m'><metadata><m:a m:b='&#10;&quot;'>&amp;<![CDATA[x]]></m:a></metadata></network>",
		"<network ipv6='yes'><description>&lt;a\t\r\n</description><title>'\"</title></network>",
		"<network xmlns:d='" + DnsmasqSpace + "'><d:options><d:option value='\t'/></d:options></network>",
		"<network xmlns:n='urn:ubridge:network:1'><metadata><n:definition>a=1</n:definition><metadata/></metadata></network>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		root, faults := Parse(doc)
		if len(faults) > 0 {
			return
		}
		first := root.Fragments()
		again := New("network")
		if err := again.Merge(first); err != nil {
			t.Fatalf("%q: %v", first, err)
		}
		back, faults := Parse(again.Write())
		if len(faults) > 0 {
			if own := again.Child("ip"); own != nil && !own.Has("address") {
				return // it belongs to an element that the model writes
			}
			t.Fatalf("%q: %v", first, faults[0])
		}
		second := back.Fragments()
		if strings.Join(first, "\n") != strings.Join(second, "\n") && len(root.Children) < 2 {
			t.Fatalf("%q became %q", first, second)
		}
	})
}
