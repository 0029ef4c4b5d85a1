package takeover

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// withLibvirtd is a host on which Debian's libvirtd runs, in this namespace only.
// It asks for its user, and gets on without D-Bus, udev and dmidecode.
func withLibvirtd(t *testing.T) *bed {
	t.Helper()
	if os.Getenv("UBRIDGE_LIBVIRT") == "" {
		t.Skip("libvirtd itself is a matter of `make test-full`: UBRIDGE_LIBVIRT names the folder with its packages")
	}
	b := lay(t, `
		mkdir -p /run/udev /sys/fs/cgroup
		grep -q ^libvirt-qemu: /etc/passwd || echo libvirt-qemu:x:64055:64055::/var/lib/libvirt:/bin/false >>/etc/passwd
		grep -q ^libvirt-qemu: /etc/group || echo libvirt-qemu:x:64055: >>/etc/group
		printf 'user="root"\ngroup="root"\nsecurity_driver="none"\ncgroup_controllers=[]\nnamespaces=[]\nstdio_handler="file"\n' >/etc/libvirt/qemu.conf
		printf 'auth_unix_rw="none"\n' >/etc/libvirt/libvirtd.conf
		cat >/etc/libvirt/qemu/networks/default.xml <<'XML'
`+definition+`XML
		echo laid
		exec libvirtd`)
	b.Eventually(20*time.Second, "a libvirtd that answers", func() error {
		if r := b.in("virsh", "-c", "qemu:///system", "net-list"); r.Code != 0 {
			return os.ErrProcessDone
		}
		return nil
	})
	b.begin()
	return b
}

func TestThereAndBackWithLibvirtd(t *testing.T) { thereAndBack(t, withLibvirtd(t)) }

// webMAC is of the domain that boots from the network: its firmware asks for an
// address.
const webMAC = "52:54:00:00:00:99"

const webDomain = `<domain type='qemu'>
  <name>web</name>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='network'/></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <interface type='network'>
      <mac address='` + webMAC + `'/>
      <source network='default'/>
      <model type='virtio'/>
    </interface>
  </devices>
</domain>
`

var (
	ofNetwork  = regexp.MustCompile(`(?s)<interface type='network'>.*?</interface>`)
	ofEthernet = regexp.MustCompile(`(?s)<interface type='ethernet'>.*?</interface>`)
	portAdd    = regexp.MustCompile(`(?m)^ubridge (port add default \S+)$`)
)

// A domain of libvirt's is taken over as it runs, and starts again with the edit
// that the import prints.
func TestDomainStartsAgainAfterTheEdit(t *testing.T) {
	b := withLibvirtd(t)
	b.write("/run/web.xml", webDomain)
	b.must("virsh", "define", "/run/web.xml")
	b.must("virsh", "start", "web")
	address := ""
	b.Eventually(90*time.Second, "a lease of the firmware's by libvirt", func() error {
		m := regexp.MustCompile(`([0-9.]+)/24`).FindStringSubmatch(b.must("virsh", "net-dhcp-leases", "default", "--mac", webMAC))
		if m == nil {
			return errors.New("none yet")
		}
		address = m[1]
		return nil
	})
	plan := b.must(b.ubridge("import", "libvirt", "default", "--apply")...)
	t.Log(plan)
	b.daemon.AwaitPort("vnet0", "up")
	b.must("virsh", "destroy", "web")

	edit := strings.ReplaceAll(plan, "#   ", "")
	xml := ofNetwork.ReplaceAllString(b.must("virsh", "dumpxml", "--inactive", "web"), ofEthernet.FindString(edit))
	b.write("/run/web.xml", xml)
	b.must("virsh", "define", "/run/web.xml")
	b.daemon.Run(strings.Fields(portAdd.FindStringSubmatch(edit)[1])...)
	b.must("virsh", "start", "web")
	b.Eventually(90*time.Second, "frames of the firmware's", func() error {
		if b.daemon.Port("tap-web").RxFrames == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	b.Eventually(30*time.Second, "the firmware's lease by ubridge", func() error {
		for _, l := range b.daemon.Leases("default") {
			if l.MAC == webMAC && l.IP == address {
				return nil
			}
		}
		return fmt.Errorf("%s had %s: %+v", webMAC, address, b.daemon.Leases("default"))
	})
	b.must("virsh", "destroy", "web")
	t.Log(b.must(b.ubridge("import", "libvirt", "default", "--undo")...))
	b.must("virsh", "net-info", "default")
}
