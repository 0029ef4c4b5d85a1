package bench

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ubridge/internal/testnet"
)

// ubridgeVeth runs the daemon with both veths as ports.
func ubridgeVeth(b *bed) {
	b.veths()
	b.runDaemon()
	b.ubridge("port", "add", "default", "pa")
	b.ubridge("port", "add", "default", "pb")
}

// ubridgeKernel is ubridgeVeth with the kernel's fast path.
func ubridgeKernel(b *bed) { b.byKernel(ubridgeVeth, 3) }

// ubridgeKernelNAT is ubridgeNAT with it.
func ubridgeKernelNAT(b *bed) { b.byKernel(ubridgeNAT, 2) }

// byKernel builds a peer of ours with the fast path, and gives up where not all of its
// ports are on it: what would be measured is something else.
func (b *bed) byKernel(build func(*bed), ports int) { b.byKernelOn("default", build, ports) }

// byKernelOn is byKernel for the ports of any network.
func (b *bed) byKernelOn(network string, build func(*bed), ports int) {
	b.fastPath = "kernel"
	build(b)
	b.lab.Eventually(5*time.Second, "all ports on the fast path", func() error {
		info := b.ubridge("net", "info", network, "--json")
		if !strings.Contains(strings.Join(strings.Fields(info), ""), fmt.Sprintf(`"fastpath":{"mode":"kernel","ports":%d,`, ports)) {
			return errors.New(info)
		}
		return nil
	})
}

// ubridgeTap runs ubridge's dataplane alone, on two taps whose devices are the
// endpoints' eth0, as a guest's virtio device would be.
func ubridgeTap(b *bed) {
	b.helper(b.mid, "switch", b.a.Path(), "eth0", b.b.Path(), "eth0").WaitFor("ready", 10*time.Second)
	b.address()
}

// ubridgeNAT runs the daemon's network "default" with one port and an uplink.
func ubridgeNAT(b *bed) {
	b.uplink()
	b.inside()
	b.runDaemon()
	b.ubridge("port", "add", "default", "pa")
	b.a.Route("default", "via", gateway)
}

// startDaemon runs ubridge as a user would, but for its directories.
func (b *bed) startDaemon() {
	config := filepath.Join(b.lab.Dir(), "ubridge.toml")
	b.check(writeFile(config, fmt.Sprintf("fastpath = %q\n%s", cmp.Or(b.fastPath, "off"), b.config)))
	if b.network != "" {
		b.check(os.Mkdir(filepath.Join(b.lab.Dir(), "networks.d"), 0o700))
		b.check(writeFile(filepath.Join(b.lab.Dir(), "networks.d", "default.toml"), b.network))
	}
	b.runtime = testnet.RuntimeDir(b)
	b.daemon = b.start(b.mid, b.self, "run", "--config", config, "--state-dir", filepath.Join(b.lab.Dir(), "state"),
		"--runtime-dir", b.runtime)
}

// runDaemon starts ubridge and waits until it answers.
func (b *bed) runDaemon() {
	b.startDaemon()
	b.lab.Eventually(20*time.Second, "the daemon answers", func() error {
		if !b.daemon.Running() {
			b.Fatalf("ubridge ended: %s", b.daemon.Output())
		}
		out, err := b.mid.Try(b.self, "--socket", b.socket(), "net", "list")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

func (b *bed) socket() string { return filepath.Join(b.runtime, "ubridge.sock") }

// ubridge runs a verb against the bed's daemon.
func (b *bed) ubridge(args ...string) string {
	return b.in(b.mid, append([]string{b.self, "--socket", b.socket()}, args...)...)
}
