package api_test

import (
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ubridge/internal/api"
	"ubridge/internal/api/apitest"
)

func listen(t *testing.T, path, group string) (*api.Listener, error) {
	t.Helper()
	l, err := api.Listen(path, group)
	if err == nil {
		t.Cleanup(func() { l.Close() })
	}
	return l, err
}

func owner(t *testing.T, path string) (mode fs.FileMode, gid int) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm(), int(info.Sys().(*syscall.Stat_t).Gid)
}

func TestSocketIsOpenToTheGroupAlone(t *testing.T) {
	g, err := user.LookupGroup("games")
	if os.Geteuid() != 0 || err != nil {
		t.Skip("needs root and the group games")
	}
	path := filepath.Join(t.TempDir(), "sub", "u.sock")
	if _, err := listen(t, path, "games"); err != nil {
		t.Fatal(err)
	}
	if mode, gid := owner(t, path); mode != 0o660 || strconv.Itoa(gid) != g.Gid {
		t.Errorf("mode %o, group %d; want 0660, %s", mode, gid, g.Gid)
	}
}

func TestSocketWithoutTheGroupIsRootsAlone(t *testing.T) {
	for _, group := range []string{"", "no-such-group"} {
		path := filepath.Join(t.TempDir(), "u.sock")
		if _, err := listen(t, path, group); err != nil {
			t.Fatal(err)
		}
		if mode, _ := owner(t, path); mode != 0o600 {
			t.Errorf("group %q: mode %o, want 0600", group, mode)
		}
	}
}

func TestListenReplacesOnlyAStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "u.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	l, err := listen(t, path, "")
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	if _, err := listen(t, path, ""); api.CodeOf(err) != api.Conflict || !strings.Contains(err.Error(), "another ubridge answers") {
		t.Errorf("a live socket: %v", err)
	}
	if _, err := net.Dial("unix", l.Addr().String()); err != nil {
		t.Errorf("the live socket is gone: %v", err)
	}
}

func TestListenRefusals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(t, file, ""); api.CodeOf(err) != api.Conflict || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("a file: %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
	if _, err := listen(t, filepath.Join(dir, strings.Repeat("x", 120)), ""); err == nil || !strings.Contains(err.Error(), "107 bytes") {
		t.Errorf("a long path: %v", err)
	}
}

// Changes are refused to a user who is let at the socket but is not one of
// those who may change; reading is not.
func TestChangesNeedRootOrTheGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	dir, err := os.MkdirTemp("/tmp", "ubridge-api-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := serve(t, apitest.New())
	for p := path; p != "/tmp"; p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	const nobody = 65534
	if got := as(t, nobody, path, "list"); got != "ok" {
		t.Errorf("list as nobody: %s", got)
	}
	if got := as(t, nobody, path, "start"); got != "permission: changes need root or the socket's group; use sudo" {
		t.Errorf("start as nobody: %s", got)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := as(t, nobody, path, "list"); !strings.HasPrefix(got, "permission: no permission for "+path) {
		t.Errorf("list on a closed socket: %s", got)
	}
	if got := as(t, 0, path, "start"); got != "ok" {
		t.Errorf("start as root: %s", got)
	}
}
