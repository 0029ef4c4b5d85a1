// Package importertest runs the cases of an importer: archives in testdata that
// hold a host's files and, as the last file, "want", what the plan's text is.
package importertest

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"ubridge/internal/config"
	"ubridge/internal/importer"
)

// Run reads each archive with read. UPDATE=1 rewrites what is wanted.
func Run(t *testing.T, read func(*importer.Files) (importer.Plan, error)) {
	t.Helper()
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(filepath.Base(file), func(t *testing.T) { compare(t, file, read) })
	}
}

func compare(t *testing.T, file string, read func(*importer.Files) (importer.Plan, error)) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	host, want := fstest.MapFS{}, &txtar.File{}
	for i := range archive.Files {
		if f := &archive.Files[i]; f.Name == "want" {
			want = f
		} else {
			host[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	got := Text(t, read, host)
	if os.Getenv("UPDATE") != "" {
		if want.Name == "" {
			archive.Files = append(archive.Files, txtar.File{Name: "want"})
			want = &archive.Files[len(archive.Files)-1]
		}
		want.Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want.Data), got); diff != "" {
		t.Errorf("%s (UPDATE=1 takes it): %s", file, diff)
	}
}

// Text is the plan's text of a host's files, or the error's. Definitions of the
// plan must read back as they were written.
func Text(t testing.TB, read func(*importer.Files) (importer.Plan, error), host fstest.MapFS) string {
	t.Helper()
	plan, err := read(importer.NewFiles(host))
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	for i := range plan.Networks {
		n := &plan.Networks[i]
		again, err := config.ParseNetwork(n.Name, n.Marshal())
		if err != nil || !again.Equal(n.Network) {
			t.Errorf("network %s does not read back: %v\n%s", n.Name, err, n.Marshal())
		}
	}
	return plan.Text()
}

// Fuzz adds the files of the cases called name as seeds, and wants no document to
// crash the reader or to make a definition that does not read back.
func Fuzz(f *testing.F, name string, read func(*importer.Files) (importer.Plan, error)) {
	f.Helper()
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range cases {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if part.Name == name {
				f.Add(part.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		Text(t, read, fstest.MapFS{name: &fstest.MapFile{Data: text}})
	})
}
