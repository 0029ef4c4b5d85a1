package demo

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"ubridge/internal/testnet"
)

var update = flag.Bool("update", false, "write docs/demo.md from this run")

// stepNames are the steps of a tour, in order.
var stepNames = []string{
	"namespaces", "outside server", "ubridge run", "port add", "leases", "names", "ping", "NAT, download",
	"guest to guest", "guest to outside", "real guest", "net leases", "port list", "fdb", "nat flows",
}

func TestTour(t *testing.T) {
	testnet.Require(t)
	before := observeFirst(t)
	began := time.Now()
	out, code := run(t, nil, "demo")
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the tour took %v, more than a minute", took)
	}
	wantSteps(t, out, append(stepNames, "clean stop", "nothing left"))
	if strings.ContainsAny(out, "\x1b\r") {
		t.Errorf("escape codes in plain output:\n%q", out)
	}
	before.wantSame(t)
	if *update {
		writeDocument(t, out)
	}
}

// wantSteps checks that each step is there, worked, and stands in its order.
func wantSteps(t *testing.T, out string, names []string) {
	t.Helper()
	rest := out
	for _, name := range names {
		found := false
		for !found && rest != "" {
			var line string
			line, rest, _ = strings.Cut(rest, "\n")
			found = strings.HasPrefix(line, "  ok ") && strings.Contains(line, " s  "+name+" ")
		}
		if !found {
			t.Fatalf("the step %q is not there, or not in its place:\n%s", name, out)
		}
	}
}

func writeDocument(t *testing.T, out string) {
	t.Helper()
	const head = "# A tour\n\n" +
		"`sudo ubridge demo` (or `make demo`) shows in a few seconds what ubridge does, inside network\n" +
		"namespaces of its own: the daemon runs as it would on a host, two namespaces and, where QEMU and\n" +
		"a guest image are there (`sudo test/guest/build`), a virtual machine are its guests. This\n" +
		"machine's own network is not touched, and nothing is left behind.\n\n" +
		"`--keep` leaves everything up to play in, and prints how to enter it; `ubridge demo --clean`\n" +
		"removes it.\n\n" +
		"What a run says (`go test ./test/demo -run TestTour -update` writes this page):\n\n```\n"
	if err := os.WriteFile("../../docs/demo.md", []byte(head+out+"```\n"), 0o644); err != nil {
		t.Error(err)
	}
}

func TestTourWithoutQEMU(t *testing.T) {
	testnet.Require(t, "udhcpc")
	before := observeFirst(t)
	out, code := run(t, []string{"PATH=" + toolbox(t, "ip", "udhcpc", "sh", "getent")}, "demo")
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	wantSteps(t, out, stepNames)
	for _, words := range []string{"left out: QEMU is not installed (apt-get install", "by getent", "by udhcpc"} {
		if !strings.Contains(out, words) {
			t.Errorf("it does not say %q:\n%s", words, out)
		}
	}
	before.wantSame(t)
}

func TestTourWithOtherTools(t *testing.T) {
	testnet.Require(t, "dhclient")
	before := observeFirst(t)
	env := []string{"PATH=" + toolbox(t, "ip", "dhclient", "sh", "qemu-system-x86_64"), "UBRIDGE_CACHE=" + t.TempDir()}
	out, code := run(t, env, "demo")
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	for _, words := range []string{"no guest image is cached", "test/guest/build", "by a resolver of the demo's own", "by dhclient"} {
		if !strings.Contains(out, words) {
			t.Errorf("it does not say %q:\n%s", words, out)
		}
	}
	before.wantSame(t)
}

func TestMissingToolsAreNamed(t *testing.T) {
	testnet.Require(t)
	before := observeFirst(t)
	out, code := run(t, []string{"PATH=" + t.TempDir()}, "demo")
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, words := range []string{"needs ip, a DHCP client", "apt-get install iproute2 udhcpc"} {
		if !strings.Contains(out, words) {
			t.Errorf("it does not say %q:\n%s", words, out)
		}
	}
	before.wantSame(t)
}
