package bench

import (
	"path/filepath"
	"time"
)

// gvproxyPrograms are built by test/setup/gvproxy; no Debian package has them.
var gvproxyPrograms = []program{{"gvproxy", ""}, {"gvforwarder", ""}}

// gvproxy runs in mid as on a host; gvforwarder is the guest's end, and makes
// the tap in a. They speak over a unix socket with QEMU's framing.
func gvproxy(b *bed) {
	b.uplink()
	sock := filepath.Join(b.lab.Dir(), "gv.sock")
	b.start(b.mid, "gvproxy", "-mtu", "4000", "-ssh-port", "-1", "-listen", "unix://"+sock)
	b.lab.Eventually(10*time.Second, "gvproxy listens", func() error { return exists(sock) })
	b.start(b.a, "gvforwarder", "-url", "unix://"+sock+"/connect", "-iface", "eth0", "-mac", macA, "-preexisting=false")
	b.appears(b.a, "eth0")
	b.a.Run("ip", "addr", "replace", "192.168.127.2/24", "dev", "eth0")
	b.a.Run("ip", "link", "set", "dev", "eth0", "up")
	b.a.Run("ip", "route", "replace", "default", "via", "192.168.127.1")
}
