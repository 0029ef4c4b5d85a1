package libvirt

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ubridge/test/lab"
)

// unpacked is the folder of a set of libvirt's packages, which test/setup/libvirt
// fetches the first time.
func unpacked(t *testing.T, set string) string {
	t.Helper()
	script, err := filepath.Abs("../setup/libvirt")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(script, set)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", script, set, err, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// within is a command in the host's network namespace and a mount namespace of its
// own, after a script of mounts. `ip netns exec` makes the latter.
func within(n *lab.Net, mounts string, command ...string) []string {
	return append([]string{"sh", "-ec", mounts + "\nexec \"$@\"", "sh"}, command...)
}
