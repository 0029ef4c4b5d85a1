package demo

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"ubridge/internal/testnet"
)

func TestKeepAndClean(t *testing.T) {
	testnet.Require(t, "udhcpc")
	before := observeFirst(t)
	t.Cleanup(func() { run(t, nil, "demo", "--clean") })
	out, code := run(t, nil, "demo", "--keep")
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	wantSteps(t, out, stepNames)
	// What it prints is run as printed, but for sudo.
	enter := printed(t, out, `guest1 +sudo (ip netns exec \S+) sh`)
	shell(t, enter+" ip -4 addr show dev eth0 | grep -q 192.168.122.")
	shell(t, printed(t, out, `daemon +sudo (.*)`)+" | grep -q guest1")
	if strings.Contains(out, "guest3 ") && strings.Contains(out, "QEMU booted") {
		telnet := printed(t, out, `guest3 +sudo (.*)`)
		shell(t, "(sleep 1; echo 'cat /proc/version; exit'; sleep 1) | "+telnet+" | grep -q 'Linux version'")
	}
	// The next tour sweeps dead ones, but not this.
	next := start(t, nil, "demo")
	next.waitFor(t, " s  namespaces ")
	interrupt(t, next)
	shell(t, printed(t, out, `daemon +sudo (.*)`)+" | grep -q guest1")

	out, code = run(t, nil, "demo", "--clean")
	if code != 0 || !strings.Contains(out, "removed ubnet-demo-kept") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	before.wantSame(t)
	if out, code = run(t, nil, "demo", "--clean"); code != 0 || !strings.Contains(out, "no demo has been kept") {
		t.Errorf("cleaning once more: exit code %d:\n%s", code, out)
	}
}

func printed(t *testing.T, out, expr string) string {
	t.Helper()
	m := regexp.MustCompile(expr).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("it does not print %q:\n%s", expr, out)
	}
	return m[1]
}

func shell(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", script, err, out)
	}
}
