package libvirt

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// TestNamesForTheHost has Debian's libnss-libvirt read our files: what its user
// sees is `getent hosts guest`.
func TestNamesForTheHost(t *testing.T) {
	t.Parallel()
	nss := unpacked(t, "nss")
	n := lab.Quiet(t, "lvnss")
	dir := filepath.Join(n.Dir(), "dnsmasq")
	d := n.Start(lab.Options{Config: map[string]string{
		"ubridge.toml": testnet.DaemonConfig() + "\n[libvirt]\nstatus_dir = \"" + dir + "\"\n",
	}})
	g := d.Join("web")
	mac := g.MAC()
	d.Run("port", "add", "default", g.Port, "--domain", "the-domain", "--mac", mac)

	// A system whose libraries, lease folder and nsswitch.conf are these.
	mounts := fmt.Sprintf(`mount -t overlay -o lowerdir=%s/usr:/usr overlay /usr
mount -t tmpfs tmpfs /var/lib
mkdir -p /var/lib/libvirt/dnsmasq
mount --bind %s /var/lib/libvirt/dnsmasq`, nss, dir)
	n.Host.Etc("nsswitch.conf", "hosts: files libvirt libvirt_guest\n")
	lookup := func(name string) error {
		out, err := n.Host.Try(within(n, mounts, "getent", "hosts", name)...)
		if err == nil && !strings.HasPrefix(out, g.Addr+" ") {
			err = fmt.Errorf("%s is %q, leased was %s", name, out, g.Addr)
		}
		return err
	}
	for _, name := range []string{"web", "the-domain"} {
		n.Eventually(waitLong, "getent hosts "+name, func() error { return lookup(name) })
	}
	if lookup("nobody-there") == nil {
		t.Error("a name that nobody has is found")
	}

	var leases []struct {
		IP     string `json:"ip-address"`
		MAC    string `json:"mac-address"`
		Expiry int64  `json:"expiry-time"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "ubr0.status"))
	if err == nil {
		err = json.Unmarshal(text, &leases)
	}
	if err != nil || len(leases) != 1 || leases[0].IP != g.Addr || leases[0].MAC != mac || leases[0].Expiry != d.Leases("default")[0].Expires {
		t.Errorf("ubr0.status is %s, %v", text, err)
	}

	// Guests that have ended have no domain, and a stopped network no files.
	g.NS.Run("ip", "link", "set", "eth0", "down")
	n.Eventually(waitLong, "an empty ubr0.macs", func() error {
		text, err := os.ReadFile(filepath.Join(dir, "ubr0.macs"))
		if err == nil && string(text) != "[]\n" {
			err = fmt.Errorf("it is %s", text)
		}
		return err
	})
	d.Crash()
	d = d.Again()
	d.Stop()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestLibvirtsFilesByDefault are in the runtime directory.
func TestLibvirtsFilesByDefault(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lvfiles")
	d := n.Start(lab.Options{})
	g := d.Join("one")
	n.Eventually(waitLong, "the lease in ubr0.status", func() error {
		text, err := os.ReadFile(filepath.Join(d.Runtime, "libvirt", "ubr0.status"))
		if err == nil && !strings.Contains(string(text), `"hostname": "one"`) {
			err = fmt.Errorf("%s has %s", text, g.Addr)
		}
		return err
	})
	d.Run("net", "stop", "default")
	if left, err := os.ReadDir(filepath.Join(d.Runtime, "libvirt")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
