package testnet

import (
	"os"
	"os/exec"
	"strings"
)

// T is what a lab needs of a test. *testing.T satisfies it.
type T interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	// Fatalf must end the calling goroutine after its deferred calls.
	Fatalf(format string, args ...any)
	// Cleanup registers a function to be called, last first, when the test ends.
	Cleanup(func())
}

// Require ends the test unless the machine can run labs: root, a TUN driver,
// ip from iproute2, and the commands named. It skips where T can skip and the
// environment variable CI is not "true"; otherwise it fails, so that a machine
// that is meant to prove something cannot pass by doing nothing.
func Require(t T, commands ...string) {
	t.Helper()
	lacking := lacking(commands)
	if len(lacking) == 0 {
		return
	}
	reason := "this needs " + strings.Join(lacking, ", ")
	skipper, ok := t.(interface{ Skipf(string, ...any) })
	if ok && os.Getenv("CI") != "true" {
		skipper.Skipf("%s", reason)
	}
	t.Fatalf("%s", reason)
}

func lacking(commands []string) []string {
	var lacking []string
	if os.Geteuid() != 0 {
		lacking = append(lacking, "root")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		lacking = append(lacking, "/dev/net/tun (modprobe tun)")
	}
	for _, name := range append([]string{"ip"}, commands...) {
		if _, err := exec.LookPath(name); err != nil {
			lacking = append(lacking, "the command "+name+" (test/setup/packages test)")
		}
	}
	return lacking
}

// failed reports whether the test is known to have failed.
func failed(t T) bool {
	f, ok := t.(interface{ Failed() bool })
	return ok && f.Failed()
}
