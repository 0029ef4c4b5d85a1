package ifupdown

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"ubridge/internal/importer"
	"ubridge/internal/importer/importertest"
)

func read(files *importer.Files) (importer.Plan, error) { return Read(files, DefaultFile) }

func TestCases(t *testing.T) { importertest.Run(t, read) }

func FuzzRead(f *testing.F) { importertest.Fuzz(f, "etc/network/interfaces", read) }

// What Debian's bridge-utils gives as examples are networks.
func TestExamplesOfThePackage(t *testing.T) {
	examples, _ := filepath.Glob("/usr/share/doc/bridge-utils/examples/interfaces.*")
	if len(examples) == 0 {
		t.Skip("bridge-utils is installed without its documentation")
	}
	for _, example := range examples {
		text, err := os.ReadFile(example)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := read(importer.NewFiles(fstest.MapFS{
			"etc/network/interfaces": {Data: text}, "sys/class/net/eth0/address": {},
		}))
		if err != nil || len(plan.Networks) != 1 || plan.Networks[0].Uplink != "eth0" {
			t.Errorf("%s: %v\n%s", example, err, plan.Text())
		}
	}
}
