package netplan

import (
	"strings"
	"testing"
	"testing/fstest"

	"ubridge/internal/importer"
	"ubridge/internal/importer/importertest"
)

func read(files *importer.Files) (importer.Plan, error) { return Read(files) }

func TestCases(t *testing.T) { importertest.Run(t, read) }

func FuzzRead(f *testing.F) {
	f.Add([]byte("a: &a [1]\nnetwork: {bridges: {b: {interfaces: *a, parameters: {stp: *a}}}}"))
	f.Add([]byte("network: &n {bridges: *n}"))
	importertest.Fuzz(f, "etc/netplan/50-bridge.yaml", read)
}

// Aliases that multiply end with an error.
func TestAliasesAreBounded(t *testing.T) {
	doc := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'j'; c++ {
		doc += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 10), ",") + "]\n"
	}
	host := fstest.MapFS{"etc/netplan/a.yaml": {Data: []byte(doc)}}
	if _, err := Read(importer.NewFiles(host)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%v", err)
	}
}
