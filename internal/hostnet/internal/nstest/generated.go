package nstest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// objectClang is the compiler of the committed objects (Debian 12); another
// one may choose other instructions for the same source.
const objectClang = "clang version 14."

// Generated rebuilds the eBPF programs of the package under test as `go generate` does,
// and compares the objects of those names with what is committed.
func Generated(t *testing.T, programs ...string) {
	t.Helper()
	out, err := exec.Command("clang", "--version").Output()
	if err != nil {
		t.Skip("no clang (apt install clang llvm libbpf-dev)")
	}
	if !strings.Contains(string(out), objectClang) {
		t.Skipf("the objects are built with %s, here is %s", objectClang, strings.SplitN(string(out), "\n", 2)[0])
	}
	dir := t.TempDir()
	generate(t, dir)
	for _, name := range objects(programs) {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(name); !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate in its folder", name)
		}
	}
}

// objects are the files that bpf2go makes of programs.
func objects(programs []string) (names []string) {
	for _, p := range programs {
		for _, suffix := range []string{"_bpfel.go", "_bpfel.o", "_bpfeb.go", "_bpfeb.o"} {
			names = append(names, p+suffix)
		}
	}
	return names
}

// generate runs the commands of gen.go with their output in dir.
func generate(t *testing.T, dir string) {
	t.Helper()
	source, err := os.ReadFile("gen.go")
	if err != nil {
		t.Fatal(err)
	}
	commands := strings.Split(string(source), "//go:generate ")[1:]
	if len(commands) == 0 {
		t.Fatal("gen.go has no go:generate line")
	}
	folder, err := os.Getwd() // of the package under test, and called as that
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range commands {
		command = strings.Replace(strings.TrimSpace(command), "bpf2go ", "bpf2go -output-dir "+dir+" ", 1)
		cmd := exec.Command("sh", "-c", command)
		cmd.Env = append(os.Environ(), "GOPACKAGE="+filepath.Base(folder))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
}
