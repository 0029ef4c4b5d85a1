package ifcfg

import (
	"testing"
	"testing/fstest"

	"ubridge/internal/importer"
	"ubridge/internal/importer/importertest"
)

func read(files *importer.Files) (importer.Plan, error) { return Read(files, DefaultDir) }

func TestCases(t *testing.T) { importertest.Run(t, read) }

func FuzzRead(f *testing.F) {
	importertest.Fuzz(f, "etc/sysconfig/network-scripts/ifcfg-br0", read)
}

func TestUnquote(t *testing.T) {
	for in, want := range map[string]string{
		"br0": "br0", `"br 0"`: "br 0", `'a$b'`: "a$b", `a\ b`: "a b", `"a\"b"`: `a"b`, `a'b'"c"`: "abc", "yes # why": "yes", "": "",
	} {
		if got, ok := unquote(in); !ok || got != want {
			t.Errorf("%s: %q %v, want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{"$HOME", `"$HOME"`, "`id`", `"open`, "'open", "a b", "a;b", `"a" "b"`} {
		if got, ok := unquote(in); ok {
			t.Errorf("%s is taken for %q", in, got)
		}
	}
}

// One file names its directory.
func TestOneFile(t *testing.T) {
	host := fstest.MapFS{"srv/ifcfg-br0": {Data: []byte("TYPE=Bridge\nIPADDR=10.0.0.1\nPREFIX=8\n")}}
	plan, err := Read(importer.NewFiles(host), "/srv/ifcfg-br0")
	if err != nil || len(plan.Networks) != 1 || plan.Networks[0].Address.String() != "10.0.0.1/8" {
		t.Errorf("%+v %v", plan, err)
	}
}
