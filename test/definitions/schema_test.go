package definitions

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

const schema = "/usr/share/libvirt/schemas/network.rng" // Debian's libvirt0

// newer is what Debian 12's schema, of libvirt 9.0, does not have yet.
var newer = regexp.MustCompile(`(?s) port='5353'| register='yes'|<title>.*</description>`)

// TestFormIsLibvirts holds what is written against libvirt's schema.
func TestFormIsLibvirts(t *testing.T) {
	files, err := filepath.Glob("../../internal/config/testdata/libvirt/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		last := archive.Files[len(archive.Files)-1]
		if out, err := validate(t, newer.ReplaceAllString(string(last.Data), "")); err != nil {
			t.Errorf("%s, %s: %v\n%s", file, last.Name, err, out)
		}
	}
	if _, err := validate(t, "<network><name>a</name><brigde/></network>"); err == nil {
		t.Error("the schema takes anything")
	}
}

func validate(t *testing.T, doc string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "doc.xml")
	if err := os.WriteFile(path, []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("xmllint", "--noout", "--relaxng", schema, path).CombinedOutput()
	return string(out), err
}
