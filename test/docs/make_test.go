package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// inTree runs a command in this tree.
func inTree(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// makeVerbs are the verbs that `make help` lists.
func makeVerbs(t *testing.T) map[string]bool {
	t.Helper()
	listed := map[string]bool{}
	for line := range strings.Lines(inTree(t, "make", "--no-print-directory", "help")) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "make" {
			t.Errorf("make help: %q does not say what a verb does", line)
			continue
		}
		listed[words[1]] = true
	}
	return listed
}

func TestMakeHelpListsAllVerbs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	listed := makeVerbs(t)
	targets := regexp.MustCompile(`(?m)^([a-zA-Z][a-zA-Z0-9_-]*):([^=]|$)`).FindAllStringSubmatch(string(text), -1)
	if len(targets) < 5 {
		t.Fatalf("%d targets found in the Makefile", len(targets))
	}
	for _, m := range targets {
		if !listed[m[1]] {
			t.Errorf("make help does not list %s", m[1])
		}
	}
}

func TestNamedMakeVerbsExist(t *testing.T) {
	listed, found := makeVerbs(t), 0
	named := regexp.MustCompile(`(?:^|\s)make ([a-z-]+)`)
	for _, p := range present(t) {
		texts := spans(p.prose)
		for _, b := range p.blocks {
			texts = append(texts, b.commands()...)
		}
		for _, text := range texts {
			for _, m := range named.FindAllStringSubmatch(text, -1) {
				found++
				if !listed[m[1]] {
					t.Errorf("%s: `%s`: make has no verb %s", p.name, text, m[1])
				}
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d verbs found: is the pattern right?", found)
	}
}

// Every group of packages that the Makefile asks for is known.
func TestPackageGroupsAreKnown(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	groups := regexp.MustCompile(`test/setup/packages (\S+)`).FindAllStringSubmatch(string(text), -1)
	if len(groups) < 4 {
		t.Fatalf("%d groups found in the Makefile", len(groups))
	}
	for _, m := range groups {
		cmd := exec.Command(filepath.Join(root, "test/setup/packages"), m[1])
		cmd.Env = append(os.Environ(), "SETUP=no")
		if out, err := cmd.CombinedOutput(); err != nil && !strings.Contains(string(out), "missing Debian packages: ") {
			t.Errorf("%s: %v\n%s", m[0], err, out)
		}
	}
}

// SETUP=no names what is missing, and installs nothing.
func TestSetupIsOnlyNamed(t *testing.T) {
	if out := inTree(t, "env", "SETUP=no", "test/setup/packages", "build"); out != "" {
		t.Errorf("nothing is missing, but it says: %s", out)
	}
	empty := t.TempDir()
	for _, tool := range []string{"bash", "sort", "env"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(empty, tool)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(root, "test/setup/packages"), "test")
	cmd.Env = []string{"SETUP=no", "PATH=" + empty}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "missing Debian packages: ") || strings.Contains(string(out), "installing") {
		t.Errorf("with an empty PATH: %v\n%s", err, out)
	}
}
