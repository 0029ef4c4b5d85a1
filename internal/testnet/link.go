package testnet

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Veth joins two namespaces (or one with itself) by a virtual wire; both ends
// are up. Nothing appears in the root namespace on the way.
func (l *Lab) Veth(a *NS, aName string, b *NS, bName string) {
	l.t.Helper()
	a.Run("ip", "link", "add", aName, "type", "veth", "peer", "name", bName, "netns", b.Name)
	a.Up(aName)
	b.Up(bName)
}

// Tap makes a persistent tap device that user (a uid; 0 is root) may open, and
// sets it up. Queues above one make it a multi-queue device, which QEMU must
// then open with as many queues.
func (n *NS) Tap(dev string, user, queues int) {
	n.t.Helper()
	args := []string{"ip", "tuntap", "add", "dev", dev, "mode", "tap", "user", strconv.Itoa(user)}
	if queues > 1 {
		args = append(args, "multi_queue")
	}
	n.Run(args...)
	n.Up(dev)
}

// Bridge makes a kernel bridge over the devices named, to compare with.
func (n *NS) Bridge(bridge string, devs ...string) {
	n.t.Helper()
	n.Run("ip", "link", "add", bridge, "type", "bridge")
	for _, dev := range devs {
		n.Run("ip", "link", "set", "dev", dev, "master", bridge)
	}
	n.Up(bridge)
}

// Up sets a device up.
func (n *NS) Up(dev string) {
	n.t.Helper()
	n.Run("ip", "link", "set", "dev", dev, "up")
}

// Addr adds an address in CIDR notation.
func (n *NS) Addr(dev, cidr string) {
	n.t.Helper()
	n.Run("ip", "addr", "add", cidr, "dev", dev)
}

// Route adds a route; args are those of "ip route add".
func (n *NS) Route(args ...string) {
	n.t.Helper()
	n.Run(append([]string{"ip", "route", "add"}, args...)...)
}

// MTU sets a device's MTU in bytes.
func (n *NS) MTU(dev string, bytes int) {
	n.t.Helper()
	n.Run("ip", "link", "set", "dev", dev, "mtu", strconv.Itoa(bytes))
}

// MAC returns a device's station address.
func (n *NS) MAC(dev string) string {
	n.t.Helper()
	return strings.TrimSpace(n.Run("cat", "/sys/class/net/"+dev+"/address"))
}

// Sysctl sets a kernel parameter of the namespace, such as
// net.ipv4.ip_forward. Device names that hold a dot are written with a slash,
// as sysctl(8) does.
func (n *NS) Sysctl(key, value string) {
	n.t.Helper()
	err := n.Do(func() error { return os.WriteFile(sysctlPath(key), []byte(value), 0o644) })
	if err != nil {
		n.t.Fatalf("sysctl %s=%s in %s: %v", key, value, n.Name, err)
	}
}

// GetSysctl reads a kernel parameter of the namespace.
func (n *NS) GetSysctl(key string) string {
	n.t.Helper()
	var value []byte
	err := n.Do(func() (err error) {
		value, err = os.ReadFile(sysctlPath(key))
		return err
	})
	if err != nil {
		n.t.Fatalf("sysctl %s in %s: %v", key, n.Name, err)
	}
	return strings.TrimSpace(string(value))
}

// sysctlPath swaps dots and slashes: net.ipv4.conf.eth0/5.rp_filter is that of
// eth0.5.
func sysctlPath(key string) string {
	swap := strings.NewReplacer(".", "/", "/", ".")
	return filepath.Join("/proc/sys", swap.Replace(key))
}

// Unpaced takes congestion control out of measurements: a machine whose default
// is BBR paces its streams, and a socket keeps what it was born with.
func (n *NS) Unpaced() {
	n.t.Helper()
	n.Sysctl("net.ipv4.tcp_congestion_control", "reno")
}

// Offload turns checksum, scatter-gather, segmentation and receive-merging
// offloads of a device on or off.
func (n *NS) Offload(dev string, on bool) {
	n.t.Helper()
	state := "off"
	if on {
		state = "on"
	}
	args := []string{"ethtool", "-K", dev}
	for _, feature := range []string{"tx", "sg", "tso", "gso", "gro", "tx-udp-segmentation"} {
		args = append(args, feature, state)
	}
	n.Run(args...)
}
