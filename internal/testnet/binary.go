package testnet

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// moduleRoot returns the source tree that the working directory is in, as the
// go command sees it.
var moduleRoot = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if filepath.Base(file) != "go.mod" {
		return "", errors.New("not inside the source tree of ubridge")
	}
	return filepath.Dir(file), nil
})

// Binary builds ./cmd/ubridge without cgo, once per process, and returns its
// path. With UBRIDGE_BINARY set it returns that instead, so that a run over many
// packages can build once.
func Binary(t T) string {
	t.Helper()
	if path := os.Getenv("UBRIDGE_BINARY"); path != "" {
		return path
	}
	path, err := builtBinary()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return path
}

// DaemonConfig is an ubridge.toml for a daemon whose test does not care what is in
// it: comments, and what the environment says, so that the suite can be run with
// several workers (UBRIDGE_TEST_WORKERS=2) and with the kernel's fast path
// (UBRIDGE_TEST_FASTPATH=kernel).
func DaemonConfig() string {
	doc := "# of a test\n"
	if n := os.Getenv("UBRIDGE_TEST_WORKERS"); n != "" {
		doc += "workers = " + n + "\n"
	}
	if mode := os.Getenv("UBRIDGE_TEST_FASTPATH"); mode != "" {
		doc += "fastpath = \"" + mode + "\"\n"
	}
	return doc
}

var builtBinary = sync.OnceValues(func() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(os.TempDir(), mark+"bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	expire(dir, 24*time.Hour)
	fresh := filepath.Join(dir, fmt.Sprintf("building-%d", os.Getpid()))
	build := exec.Command("go", "build", "-o", fresh, "./cmd/ubridge")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", build, err, out)
	}
	return nameByContent(fresh)
})

// nameByContent renames a program after its bytes: processes that build the
// same source share one file, and none swaps it under another.
func nameByContent(path string) (string, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	named := filepath.Join(filepath.Dir(path), fmt.Sprintf("ubridge-%x", sha256.Sum256(bytes))[:24])
	return named, os.Rename(path, named)
}

// expire removes programs that no test of the last while has built.
func expire(dir string, age time.Duration) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > age {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
