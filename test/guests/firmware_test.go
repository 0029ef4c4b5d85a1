package guests

import (
	"testing"
	"time"
)

// iPXE, the firmware of each card, is a stricter DHCP client than an operating
// system: it takes complete frames with right checksums only.
func TestFirmwareTakesALease(t *testing.T) {
	b := newBed(t)
	b.d.Run("port", "add", "default", "vnet-pxe")
	for _, model := range []string{"virtio-net-pci", "e1000", "rtl8139"} {
		t.Run(model, func(t *testing.T) {
			qemu := b.Host.Start("qemu-system-x86_64", "-nodefaults", "-nographic", "-machine", "pc,accel=tcg,graphics=off",
				"-m", "256", "-serial", "stdio", "-boot", "n",
				"-netdev", "tap,id=n0,ifname=vnet-pxe,script=no,downscript=no",
				"-device", model+",netdev=n0,mac=52:54:00:00:00:99")
			qemu.WaitFor(`net0: 192\.168\.122\.\d+/255\.255\.255\.0 gw 192\.168\.122\.1`, time.Minute)
			qemu.Kill()
		})
	}
	if l := b.d.Leases("default"); len(l) != 1 || l[0].MAC != "52:54:00:00:00:99" {
		t.Errorf("leases %+v: one card asked three times", l)
	}
}
