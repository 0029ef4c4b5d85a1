package lifecycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// without is a command prefix that takes capabilities away from root.
func without(caps ...string) []string {
	list := "-" + strings.Join(caps, ",-")
	return []string{"setpriv", "--bounding-set=" + list, "--inh-caps=" + list, "--"}
}

// nobody is a command prefix for a user without any right.
var nobody = []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"}

func TestMissingPrivileges(t *testing.T) {
	t.Parallel()
	testnet.Require(t, "setpriv")
	n := lab.Quiet(t, "lifecaps")
	before := stateOf(n.Host)
	for _, c := range []struct {
		prefix []string
		word   string
	}{
		{nobody, "root"},
		{without("net_admin"), "CAP_NET_ADMIN"},
		{without("net_raw"), "CAP_NET_RAW"},
	} {
		d := n.Launch(lab.Options{Prefix: c.prefix})
		fails(t, d.Proc, 4, c.word)
		if said := strings.TrimSpace(d.Output()); strings.Contains(said, "\n") {
			t.Errorf("more than one line: %s", said)
		}
	}
	unchanged(t, n, before, "refusals")
}

// TestOnlyTheNetworksPrivileges runs with what a service manager would leave.
func TestOnlyTheNetworksPrivileges(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "lifeleast")
	least := []string{"setpriv", "--bounding-set=-all,+net_admin,+net_raw,+net_bind_service,+bpf,+perfmon", "--inh-caps=-all", "--"}
	g := n.Guest("one")
	before := stateOf(n.Host)
	d := n.Start(lab.Options{Prefix: least})
	d.Run("port", "add", "default", g.Port)
	d.Run("port", "add", "default", "vnet0", "--owner", "4242")
	g.Lease()
	if err := lab.Fetch(g.NS, 1<<20); err != nil {
		t.Error(err)
	}
	for _, c := range d.Doctor() {
		if c.Status != api.CheckOK {
			t.Errorf("doctor: %+v", c)
		}
	}
	d.Stop()
	unchanged(t, n, before, "SIGTERM")
}

// TestBadConfiguration names file, line and key.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifeconfig")
	for _, c := range []struct {
		file, text string
		words      []string
	}{
		{"ubridge.toml", "\nlog_levels = \"info\"\n", []string{"ubridge.toml:2", "log_levels"}},
		{"ubridge.toml", "log_level = \"loud\"\n", []string{"ubridge.toml:1", "log_level", "loud"}},
		{"ubridge.toml", "# x\nlog_level\n", []string{"ubridge.toml:2"}},
		{"networks.d/lab.toml", "address = \"192.168.50.1/24\"\nmtu = 100\n", []string{"lab.toml:2", "mtu"}},
		{"networks.d/lab.toml", "[dhcp]\nlease = \"1h\"\n", []string{"lab.toml:2", "lease"}},
		{"networks.d/default.toml", "address = \"192.168.50.1/24\"\n[dhcp]\nranges = [\"192.168.51.2-192.168.51.9\"]\n", []string{"default.toml:3", "dhcp.ranges"}},
	} {
		d := n.Launch(lab.Options{Config: map[string]string{c.file: c.text}})
		fails(t, d.Proc, 1, c.words...)
	}
	overlapping := n.Launch(lab.Options{Config: map[string]string{
		"networks.d/a.toml": "address = \"192.168.50.1/24\"\n", "networks.d/b.toml": "address = \"192.168.0.1/16\"\n",
	}})
	fails(t, overlapping.Proc, 1, "a", "b.toml:1", "address")
}

func TestUnreadableConfiguration(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifesecret")
	dirs := n.MakeDirs()
	missing := n.Launch(lab.Options{Dirs: dirs, Args: []string{"--config", filepath.Join(dirs.Config, "none.toml")}})
	fails(t, missing.Proc, 3, "none.toml")

	if err := os.Chmod(filepath.Dir(dirs.Config), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dirs.Config, "ubridge.toml"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := n.Launch(lab.Options{Dirs: dirs, Prefix: nobody})
	fails(t, secret.Proc, 4, "root")
}

func TestExitCodesOfTheCommandLine(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lifecodes")
	d := n.Start(lab.Options{})
	for _, c := range []struct {
		code int
		args []string
	}{
		{0, []string{"net", "info", "default"}},
		{1, []string{"net", "start", "default"}}, // it runs already
		{2, []string{"net", "frobnicate"}},
		{2, []string{"net", "info"}},
		{2, []string{"port", "add", "default"}},
		{2, []string{"net", "list", "--no-such-flag"}},
		{2, []string{"net", "create", "second", "--subnet", "300.0.0.0/24"}},
		{2, []string{"net", "create", "b@d"}},
		{3, []string{"net", "info", "nowhere"}},
		{3, []string{"net", "start", "nowhere"}},
		{3, []string{"net", "stop", "nowhere"}},
		{3, []string{"net", "undefine", "nowhere"}},
		{3, []string{"net", "leases", "nowhere"}},
		{3, []string{"fdb", "nowhere"}},
		{3, []string{"nat", "flows", "nowhere"}},
		{3, []string{"port", "list", "nowhere"}},
		{3, []string{"net", "define", "/no/such/file.toml"}},
	} {
		r := d.Try(c.args...)
		if r.Code != c.code || (c.code == 0) != (r.Stderr == "") || strings.Count(r.Stderr, "\n") > 1 {
			t.Errorf("ubridge %q: exit code %d, want %d, saying %q", c.args, r.Code, c.code, r.Stderr)
		}
	}
	binary := testnet.Binary(t)
	asNobody := append(nobody[1:], binary, "--socket", d.Socket(), "net", "stop", "default")
	if r := n.Try("setpriv", asNobody...); r.Code != 4 {
		t.Errorf("net stop by nobody: exit code %d: %s", r.Code, r.Stderr)
	}
	d.Stop()
	for _, args := range [][]string{{"net", "list"}, {"port", "add", "default", "vnet0"}, {"fdb"}} {
		if said := d.Refuse(5, args...); !strings.Contains(said, "ubridge run") {
			t.Errorf("without a daemon: %q", said)
		}
	}
}
