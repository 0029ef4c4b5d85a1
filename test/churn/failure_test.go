package churn

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ubridge/test/lab"
)

// attempt runs a command that must fail, and holds the host to what it was.
func (s *scene) attempt(d *lab.Daemon, args ...string) {
	s.t.Helper()
	before := hostState(s.Host)
	if r := d.Try(args...); r.Code == 0 {
		s.t.Errorf("ubridge %q succeeds", args)
	}
	if diff := cmp.Diff(before, hostState(s.Host)); diff != "" {
		s.t.Errorf("ubridge %q failed and left, before - after +:\n%s", args, diff)
	}
}

// A full disk refuses what must be remembered, and nothing of it stays.
func TestFullDisk(t *testing.T) {
	s := newScene(t, "churnfull")
	dirs := s.MakeDirs()
	if err := os.MkdirAll(dirs.State, 0o700); err != nil {
		t.Fatal(err)
	}
	d := s.Start(lab.Options{Dirs: dirs, Prefix: []string{
		"unshare", "--mount", "sh", "-c", `mount -t tmpfs -o size=128k none "` + dirs.State + `" && exec "$@"`, "sh",
	}})
	d.Settle()
	inside := filepath.Join("/proc", fmt.Sprint(d.Pid()), "root", dirs.State)
	fill := filepath.Join(inside, "fill")
	if err := os.WriteFile(fill, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	s.attempt(d, "port", "add", "default", "vone")
	s.attempt(d, "port", "add", "default", "churn0")
	s.attempt(d, "net", "create", "other", "--subnet", "192.168.200.0/24")
	for _, n := range d.Networks() {
		if n.Name == "other" {
			t.Errorf("a network that was not created is listed: %+v", n)
		}
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"port", "add", "default", "churn0"}, {"net", "create", "other", "--subnet", "192.168.200.0/24"}, {"port", "add", "other", "vthree"},
	} {
		d.Run(args...)
	}
	guest(s, d, "one")
	d.Stop()
	clean(t, d)
	s.unchanged("a full disk and a clean stop")
}

// A step that fails undoes those before it.
func TestStepsThatFail(t *testing.T) {
	s := newScene(t, "churnfail")
	d := s.Start(lab.Options{})
	d.Settle()
	s.Host.Run("ip", "link", "add", "taken", "type", "bridge")
	s.attempt(d, "net", "create", "other", "--subnet", "192.168.200.0/24", "--bridge", "taken")
	s.attempt(d, "net", "create", "other", "--subnet", "10.9.0.0/24")
	s.attempt(d, "port", "add", "default", "lo")
	s.attempt(d, "port", "add", "default", "ubr0")
	s.attempt(d, "port", "add", "default", "a-name-that-is-too-long")
	s.attempt(d, "port", "add", "default", "churn0", "--owner", "nobody-of-this-name")
	table := filepath.Join(d.Runtime, "fdb-other.state")
	if err := os.Mkdir(table, 0o700); err != nil {
		t.Fatal(err)
	}
	s.attempt(d, "net", "create", "other", "--subnet", "192.168.200.0/24")
	if err := os.Remove(table); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(d.State, "networks", "other*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left in the state directory: %v %v", left, err)
	}
	d.Run("net", "create", "other", "--subnet", "192.168.200.0/24")
	d.Run("net", "stop", "other")
	if _, err := os.Stat(table); err == nil {
		t.Error("the table of a stopped network stays")
	}

	// A port whose network is gone by the administrator's hand is nobody's.
	d.Run("net", "start", "other")
	d.Run("port", "add", "other", "vthree")
	d.Stop()
	if err := os.Remove(filepath.Join(d.State, "networks", "other.toml")); err != nil {
		t.Fatal(err)
	}
	d = d.Again()
	d.Run("port", "add", "default", "vthree")
	s.Host.Run("ip", "link", "del", "taken")
	d.Stop()
	clean(t, d)
	s.unchanged("steps that failed and a clean stop")
}
