package cli

import (
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"strings"
)

// QEMUArgs are QEMU's arguments for a guest with a MAC on the tap iface, four words:
// an option and its value, twice. With several queues virtio uses them all; QEMU
// itself serves them then, since vhost=on would need /dev/vhost-net.
func QEMUArgs(iface, mac string, queues int) []string {
	id := netdevID(iface)
	netdev := "tap,id=" + id + ",ifname=" + strings.ReplaceAll(iface, ",", ",,") + ",script=no,downscript=no"
	device := "virtio-net-pci,netdev=" + id + ",mac=" + mac
	if queues > 1 {
		netdev += fmt.Sprintf(",queues=%d,vhost=off", queues)
		// One interrupt for each direction of each queue, configuration, control.
		device += fmt.Sprintf(",mq=on,vectors=%d", 2*queues+2)
	}
	return []string{"-netdev", netdev, "-device", device}
}

// netdevID makes an identifier of QEMU's alphabet: letters, digits, '-', '.'
// and '_', a letter first.
func netdevID(iface string) string {
	return "net-" + strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-._", r)) {
			return r
		}
		return '-'
	}, iface)
}

// GuestMAC suggests a guest's MAC, always the same for the same device: the
// prefix that QEMU and libvirt use, and three octets of a hash of the name.
func GuestMAC(iface string) string {
	h := sha256.Sum256([]byte(iface))
	return fmt.Sprintf("52:54:00:%02x:%02x:%02x", h[0], h[1], h[2])
}

// LibvirtXML is the interface element of a libvirt guest with a MAC on the tap
// iface; managed='no' keeps libvirt from making or removing the tap. Without an
// iface libvirt makes one and names it.
func LibvirtXML(iface, mac string, queues int) string {
	text := "  <interface type='ethernet'>\n" +
		"    <mac address='" + escape(mac) + "'/>\n"
	if iface != "" {
		text += "    <target dev='" + escape(iface) + "' managed='no'/>\n"
	}
	text += "    <model type='virtio'/>\n"
	if queues > 1 {
		text += fmt.Sprintf("    <driver name='qemu' queues='%d'/>\n", queues)
	}
	return text + "  </interface>\n"
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}
