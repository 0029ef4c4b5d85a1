package ifupdown

import (
	"testing"

	"ubridge/internal/importer"
	"ubridge/internal/importer/importertest"
)

func read(files *importer.Files) (importer.Plan, error) { return Read(files, DefaultFile) }

func TestCases(t *testing.T) { importertest.Run(t, read) }

func FuzzRead(f *testing.F) { importertest.Fuzz(f, "etc/network/interfaces", read) }
