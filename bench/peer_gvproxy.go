package bench

import (
	"path/filepath"
	"time"
)

// gvproxyPrograms are built by test/setup/gvproxy; no Debian package has them.
var gvproxyPrograms = []program{{"gvproxy", ""}, {"gvforwarder", ""}}

// gvproxy runs in mid as on a host, with its default MTU, 1500; gvforwarder is
// the guest's end. It takes a tap that is there already: one that it makes
// itself it hands to the DHCP client that it finds, whatever that one does. They
// speak over a unix socket.
func gvproxy(b *bed) {
	b.uplink()
	sock := filepath.Join(b.lab.Dir(), "gv.sock")
	b.start(b.mid, "gvproxy", "-ssh-port", "-1", "-listen", "unix://"+sock)
	b.lab.Eventually(10*time.Second, "gvproxy listens", func() error { return exists(sock) })
	b.a.Run("ip", "tuntap", "add", "dev", "eth0", "mode", "tap")
	b.a.Run("ip", "link", "set", "dev", "eth0", "address", macA, "up")
	b.a.Addr("eth0", "192.168.127.2/24")
	b.a.Route("default", "via", "192.168.127.1")
	b.start(b.a, "gvforwarder", "-url", "unix://"+sock, "-iface", "eth0", "-preexisting", "-stop-if-exist", "")
}
