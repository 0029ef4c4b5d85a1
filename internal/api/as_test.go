package api_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ubridge/internal/api"
)

const asSocket, asVerb = "UBRIDGE_TEST_SOCKET", "UBRIDGE_TEST_VERB"

// as runs one request in a process of another user and gives "ok" or the
// error's code and message.
func as(t *testing.T, uid uint32, socket, verb string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(readable(t, exe), "-test.run=^TestAsHelper$")
	cmd.Env = append(os.Environ(), asSocket+"="+socket, asVerb+"="+verb)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("as %d: %v\n%s", uid, err, out)
	}
	text, _, _ := strings.Cut(string(out), "\n")
	return text
}

// readable copies the test binary to where everybody may run it.
func readable(t *testing.T, exe string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ubridge-api-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	text, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "helper")
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAsHelper is the other process; it does nothing in an ordinary run.
func TestAsHelper(t *testing.T) {
	socket := os.Getenv(asSocket)
	if socket == "" {
		t.Skip("only for as")
	}
	c := api.NewClient(socket)
	defer c.Close()
	var err error
	if os.Getenv(asVerb) == "start" {
		err = c.Start(context.Background(), "lab")
	} else {
		_, err = c.Networks(context.Background())
	}
	if err != nil {
		fmt.Printf("%s: %v\n", api.CodeOf(err), err)
		return
	}
	fmt.Println("ok")
}
