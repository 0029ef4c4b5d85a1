package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"ubridge/internal/cli"
	"ubridge/internal/testnet"
)

const root = "../.."

// run runs a command in this tree.
func run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// build makes the package in a version, in a folder of its own.
func build(t *testing.T, version string) (deb string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("dist/deb/build", testnet.Binary(t), dir)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "DEB_VERSION="+version)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "ubridge_"+version+"_*.deb"))
	if err != nil || len(found) != 1 {
		t.Fatalf("packages: %v, %v", found, err)
	}
	return found[0]
}

// verbs are the commands that have a page: all that --help shows.
func verbs(cmd *cobra.Command) (list []*cobra.Command) {
	list = append(list, cmd)
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			list = append(list, verbs(c)...)
		}
	}
	return list
}

// page is the name of a verb's manual page.
func page(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".8"
}

// The package has the binary, the unit, the group, the configuration, a page for each
// verb and file, and completions; and nothing else.
func TestThePackage(t *testing.T) {
	testnet.Require(t, "dpkg-deb")
	deb := build(t, "1.2.3")
	want := []string{
		"/etc/ubridge/ubridge.toml", "/lib/systemd/system/ubridge.service", "/usr/bin/ubridge",
		"/usr/libexec/ubridge/brctl", "/usr/libexec/ubridge/ubridge-bridge-helper", "/usr/share/doc/ubridge/examples/qemu-hook",
		"/usr/lib/sysusers.d/ubridge.conf", "/usr/share/bash-completion/completions/ubridge",
		"/usr/share/lintian/overrides/ubridge", "/usr/share/doc/ubridge/CHANGELOG.md.gz", "/usr/share/doc/ubridge/changelog.gz", "/usr/share/doc/ubridge/copyright", "/usr/share/doc/ubridge/examples/default.toml",
		"/usr/share/fish/vendor_completions.d/ubridge.fish", "/usr/share/zsh/vendor-completions/_ubridge",
		"/usr/share/man/man5/ubridge-network.5.gz", "/usr/share/man/man5/ubridge.toml.5.gz",
	}
	for _, v := range verbs(cli.Root(cli.Hooks{})) {
		want = append(want, "/usr/share/man/man8/"+page(v)+".gz")
	}
	slices.Sort(want)
	var got []string
	for line := range strings.Lines(run(t, "dpkg-deb", "-c", deb)) {
		f := strings.Fields(line)
		if f[1] != "root/root" {
			t.Errorf("not root's: %s", line)
		}
		if f[0][0] != 'd' {
			got = append(got, strings.TrimPrefix(f[5], "."))
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files, want - got +:\n%s", diff)
	}
	if conf := run(t, "dpkg-deb", "-I", deb, "conffiles"); conf != "/etc/ubridge/ubridge.toml\n" {
		t.Errorf("conffiles: %q", conf)
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		run(t, "sh", "-n", "dist/deb/"+script)
		if text := run(t, "dpkg-deb", "-I", deb, script); !strings.HasPrefix(text, "#!/bin/sh\n") {
			t.Errorf("%s: %q", script, text)
		}
	}
}

// The pages name every flag that --help names, and troff has no complaint.
func TestManualPages(t *testing.T) {
	testnet.Require(t, "groff")
	dir := t.TempDir()
	run(t, "go", "run", "./cmd/manual", "-version", "1.2.3", "-date", "2026-11-26", dir)
	pages, err := filepath.Glob(filepath.Join(dir, "man", "*"))
	if err != nil || len(pages) < 20 {
		t.Fatalf("pages: %v, %v", pages, err)
	}
	for _, p := range pages {
		out, err := exec.Command("groff", "-man", "-Tutf8", "-ww", "-P-cbou", p).CombinedOutput()
		if err != nil || strings.Contains(string(out), "warning:") || strings.Contains(string(out), "error:") {
			t.Errorf("%s: %v\n%s", p, err, out)
		}
	}
	for _, v := range verbs(cli.Root(cli.Hooks{})) {
		text, err := os.ReadFile(filepath.Join(dir, "man", page(v)))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(v.LocalFlags().FlagUsages(), -1) {
			if plain := strings.ReplaceAll(string(text), `\-`, "-"); !strings.Contains(plain, flag) {
				t.Errorf("%s does not name %s", page(v), flag)
			}
		}
	}
}

// systemd takes the unit, and finds little that it might do beside its work.
func TestTheUnit(t *testing.T) {
	testnet.Require(t, "systemd-analyze")
	text, err := os.ReadFile(filepath.Join(root, "dist/ubridge.service"))
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "ubridge.service")
	installed := strings.ReplaceAll(string(text), "/usr/bin/ubridge", "/bin/true") // which is there
	if err := os.WriteFile(unit, []byte(installed), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := run(t, "systemd-analyze", "verify", "--man=no", unit); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	// The threshold is in tenths; 50 is where systemd begins to say MEDIUM.
	run(t, "systemd-analyze", "security", "--offline=true", "--threshold=30", unit)
	for _, key := range []string{"Type=notify", "WatchdogSec=", "Restart=on-failure", "StateDirectory=ubridge", "RuntimeDirectoryPreserve=restart"} {
		if !strings.Contains(string(text), "\n"+key) {
			t.Errorf("the unit has no %s", key)
		}
	}
}
