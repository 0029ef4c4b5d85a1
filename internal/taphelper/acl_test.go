package taphelper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ubridge/internal/api"
)

// alice has no entry in any user database.
var alice = api.Peer{UID: 71000, GID: 71001, Groups: []int{71002}}

// acl writes files and returns the first one's path.
func acl(t *testing.T, mode os.FileMode, text string, more map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	main := filepath.Join(dir, "bridge.conf")
	write(t, main, mode, text)
	for name, content := range more {
		write(t, filepath.Join(dir, name), 0o644, content)
	}
	return main
}

func write(t *testing.T, path string, mode os.FileMode, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

func TestWhoMayAttach(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // in the error; empty: allowed
	}{
		{"", "allow default 71000"},
		{"# nothing\n\n", "allow default 71000"},
		{"allow default\n", ""},
		{"allow all", ""},
		{"  allow\tdefault  # with a comment\r\n", ""},
		{"allow ubr0", ""},
		{"allow other", "allow default 71000"},
		{"allow default 71000", ""},
		{"allow default 71009 root", "allow default 71000"},
		{"allow default %71001", ""},
		{"allow default %71002", ""},
		{"allow default 71002", "allow default"}, // that is a group
		{"allow default\ndeny default 71000", "bridge.conf:2 says `deny default`"},
		{"deny all %71002\nallow all", "bridge.conf:1 says `deny all`"},
		{"deny default root\nallow default", ""},
		{"deny other\nallow default", ""},
		{"include more.conf", ""},
		{"include absent.conf\nallow default", ""},
		{"allow all\ninclude deny.conf", "deny.conf:1"},
		{"include bridge.conf", "files are included"},
		{"permit default", "bridge.conf:1"},
		{"allow", "allow of what"},
		{"include a b", "one file"},
		{"allow default\ninclude bad.conf", "bad.conf:2"},
	} {
		file := acl(t, 0o644, c.text, map[string]string{
			"more.conf": "allow default 71000\n", "deny.conf": "deny default\n", "bad.conf": "allow all\nnonsense\n",
		})
		err := Check(file, alice, "default", "ubr0")
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	if err := Check(filepath.Join(t.TempDir(), "none"), alice, "default", "ubr0"); api.CodeOf(err) != api.Permission || !strings.Contains(err.Error(), `add the line`) {
		t.Errorf("no file: %v", err)
	}
}

// TestFilesCountForWhoMayReadThem, as with a helper that reads them itself.
func TestFilesCountForWhoMayReadThem(t *testing.T) {
	file := acl(t, 0o640, "allow all\n", nil)
	if err := Check(file, alice, "default", "ubr0"); err == nil || !strings.Contains(err.Error(), "may not read it") {
		t.Errorf("a file of mode 0640 that is root's: %v", err)
	}
	if err := os.Chown(file, 0, 71002); err != nil {
		t.Fatal(err)
	}
	if err := Check(file, alice, "default", "ubr0"); err != nil {
		t.Errorf("of a group of the caller's: %v", err)
	}
	if err := os.Chmod(file, 0o604); err != nil {
		t.Fatal(err)
	}
	if err := Check(file, alice, "default", "ubr0"); err == nil {
		t.Error("mode 0604 lets all but the group read")
	}
	for _, mode := range []os.FileMode{0o646, 0o664} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if err := Check(file, alice, "default", "ubr0"); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if err := os.Chown(file, 71000, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Check(file, alice, "default", "ubr0"); err == nil || !strings.Contains(err.Error(), "chown root") {
		t.Errorf("a file of the caller's own: %v", err)
	}
	if err := Check(t.TempDir(), alice, "default", "ubr0"); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("a folder: %v", err)
	}
}

func TestNamesOfTheUserDatabase(t *testing.T) {
	file := acl(t, 0o644, "allow default nobody\nallow lab %daemon\n", nil)
	for _, c := range []struct {
		peer api.Peer
		net  string
		want bool
	}{
		{api.Peer{UID: 65534, GID: 65534}, "default", true},
		{api.Peer{UID: 65534, GID: 65534}, "lab", false},
		{api.Peer{UID: 71000, GID: 71000, Groups: []int{1}}, "lab", true},
		{api.Peer{UID: 71000, GID: 1}, "default", false},
	} {
		if err := Check(file, c.peer, c.net, "ubr9"); (err == nil) != c.want {
			t.Errorf("%+v on %s: %v", c.peer, c.net, err)
		}
	}
}

// FuzzACL: no text allows a caller whom no line names, and what is wrong has a
// reason.
func FuzzACL(f *testing.F) {
	for _, seed := range []string{"allow all", "deny all\nallow all", "include x", "allow default %0 # c", "\x00", "allow\u2028all"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rules, err := parseACL("f", text)
		if err != nil {
			if rules != nil || !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("%v with %v", err, rules)
			}
			return
		}
		who := Caller{Peer: alice}
		if decide(rules, who, []string{"default", "ubr0"}) != nil {
			return
		}
		for _, r := range rules {
			if r.verb == "allow" && r.covers(who, []string{"default", "ubr0"}) {
				return
			}
		}
		t.Errorf("%q allows without a line", text)
	})
}

// FuzzRequest: a record is a request for a network, or is refused in words.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{`{"bridge":"default","vnet_hdr":true}`, `{}`, `{"bridge":""}`, `null`, `{"bridge":1}`, `{"bridge":"a"} x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		r, err := parseRequest(record)
		if err == nil && r.Bridge == "" || err != nil && err.Error() == "" {
			t.Errorf("%q is %+v, %v", record, r, err)
		}
	})
}
