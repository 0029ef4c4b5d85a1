package live

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ubridge/test/lab"
)

// TestBrctl calls the binary by that name, as scripts do.
func TestBrctl(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "livebrctl")
	d := n.Start(lab.Options{})
	link := filepath.Join(n.Dir(), "brctl")
	if err := os.Symlink(d.Binary(), link); err != nil {
		t.Fatal(err)
	}
	brctl := func(code int, args ...string) lab.Result {
		t.Helper()
		r := n.Try("env", append([]string{"UBRIDGE_SOCKET=" + d.Socket(), link}, args...)...)
		if r.Code != code {
			t.Errorf("brctl %q: exit code %d, want %d\n%s%s", args, r.Code, code, r.Stdout, r.Stderr)
		}
		return r
	}
	one, two := n.Guest("one"), n.Guest("two")
	if r := brctl(0, "addif", "ubr0", one.Port, two.Port); r.Stdout+r.Stderr != "" {
		t.Errorf("addif said %s%s", r.Stdout, r.Stderr)
	}
	one.Lease()
	two.Lease()
	if err := one.Reach(two.Addr); err != nil {
		t.Error(err)
	}
	mac := strings.ReplaceAll(strings.TrimSpace(n.Host.Run("cat", "/sys/class/net/ubr0/address")), ":", "")
	want := "bridge name\tbridge id\t\tSTP enabled\tinterfaces\nubr0\t\t8000." + mac + "\tno\t\t" + one.Port + "\n\t\t\t\t\t\t\t" + two.Port + "\n"
	if got := brctl(0, "show").Stdout; got != want {
		t.Errorf("show:\n%s\nwant\n%s", got, want)
	}
	macs := brctl(0, "showmacs", "ubr0").Stdout
	for _, g := range []*lab.Guest{one, two} {
		if !regexp.MustCompile(`(?m)^ +\d+\t` + g.MAC() + `\tno\t\t +\d+\.\d\d$`).MatchString(macs) {
			t.Errorf("%s is not in showmacs:\n%s", g.MAC(), macs)
		}
	}
	brctl(0, "setageing", "ubr0", "77")
	if text, err := os.ReadFile(filepath.Join(d.State, "networks", "default.toml")); err != nil || !strings.Contains(string(text), "1m17s") {
		t.Errorf("%s, %v", text, err)
	}
	brctl(1, "addif", "ubr0", one.Port)
	if r := brctl(1, "addif", "ubr0", "nosuch"); r.Stderr != "interface nosuch does not exist!\n" {
		t.Errorf("addif of nothing said %s", r.Stderr)
	}
	brctl(0, "delif", "ubr0", one.Port)
	brctl(1, "delif", "ubr0", one.Port)
	n.Host.Run("ip", "link", "add", "br9", "type", "bridge")
	if r := brctl(1, "show", "br9"); !strings.Contains(r.Stderr, "a bridge of the kernel") {
		t.Errorf("show of a kernel's bridge said %s", r.Stderr)
	}
	brctl(1, "addbr", "br8")
}
