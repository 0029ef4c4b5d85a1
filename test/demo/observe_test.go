package demo

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ubridge/internal/testnet"
)

// sight is what a tour could leave on a machine, as far as it can be told from
// what other programs, and other tests, do meanwhile.
type sight struct{ things []string }

// observeFirst is observe without what an earlier run, killed, has left: the next
// tour would sweep that.
func observeFirst(t *testing.T) sight {
	t.Helper()
	if err := testnet.Sweep("demo"); err != nil {
		t.Fatal(err)
	}
	return observe(t)
}

// observe lists namespaces and files of tours, processes that a tour starts, and this
// machine's network devices.
func observe(t *testing.T) sight {
	t.Helper()
	var things []string
	for _, pattern := range []string{
		"/run/netns/ubnet-demo-*", "/etc/netns/ubnet-demo-*", filepath.Join(os.TempDir(), "ubnet-demo-*"),
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		things = append(things, found...)
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		things = append(things, "device "+l.Name)
	}
	things = append(things, processes(t)...)
	slices.Sort(things)
	return sight{things}
}

// processes lists those with a tour's mark in their command line or environment.
func processes(t *testing.T) (found []string) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline")) // it may be gone by now
		env, _ := os.ReadFile(filepath.Join(dir, "environ"))
		text := string(command) + "\x00" + string(env)
		if strings.Contains(text, "ubnet-demo-") || strings.Contains(text, "UBRIDGE_DEMO_ROLE=") || strings.Contains(text, "ubridge.name=guest3") {
			found = append(found, dir+" "+strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return found
}

func (s sight) wantSame(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(s.things, observe(t).things); diff != "" {
		t.Errorf("something is left (+) or gone (-):\n%s", diff)
	}
}
