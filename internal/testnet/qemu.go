package testnet

import (
	"fmt"
	"strconv"
	"strings"
)

// NIC is one network card of a guest.
type NIC struct {
	// Tap is the device in the namespace that the card is plugged into.
	Tap string
	// Model is QEMU's name of the card: virtio-net-pci (the default), e1000,
	// rtl8139, …
	Model string
	// MAC is the station address; by default the lab's next one.
	MAC string
	// MTU in bytes is announced to a virtio driver (host_mtu) and set by hand
	// for the others; 0 leaves it alone.
	MTU int
	// Queues above one ask for that many pairs, on a tap made with as many.
	Queues int
	// Netdev replaces the tap by another back end, such as
	// "stream,addr.type=unix,addr.path=/run/x".
	Netdev string
	// NetdevOptions and DeviceOptions are appended to what is generated, such
	// as "vhost=off" and "guest_tso4=off".
	NetdevOptions, DeviceOptions string
}

// GuestConfig says what to boot. The zero value of each field but NICs will do.
type GuestConfig struct {
	Name   string // its host name, "guest" by default
	Kernel Kernel // Cloud by default, Full when a card needs it
	// Image is used as it is where it is set, with GuestImage's result say. By
	// default the current one is used, and built if need be.
	Image  Image
	Memory int   // MiB, 256 by default
	CPUs   int   // as many as the widest card has queues, by default
	NICs   []NIC // eth0, eth1, … in this order
	// User and Group are the ids to run QEMU under; a User alone has the group
	// of the same number.
	User, Group int
	// Files are put into the guest: its path → a file of the host, whose mode
	// they keep. They count against Memory.
	Files map[string]string
	// Modules are loaded at boot, besides the drivers of what is plugged in.
	Modules []string
	// QEMU and Append are added to QEMU's arguments and the kernel's.
	QEMU   []string
	Append string
}

// What makes an emulated guest boot in two seconds: no output, no probing for
// a keyboard, no work that only protects against other tenants.
const kernelArgs = "console=ttyS0 quiet loglevel=1 panic=-1 nokaslr mitigations=off " +
	"tsc=reliable no_timer_check 8250.nr_uarts=1 i8042.noaux i8042.nokbd " +
	"cryptomgr.notests rcupdate.rcu_expedited=1"

// withDefaults completes a configuration; mac gives out station addresses.
func (c GuestConfig) withDefaults(mac func() string) GuestConfig {
	c.NICs = append([]NIC(nil), c.NICs...)
	kernel := Cloud
	c.CPUs = max(c.CPUs, 1)
	for i := range c.NICs {
		nic := &c.NICs[i]
		if nic.Model == "" {
			nic.Model = "virtio-net-pci"
		}
		if nic.MAC == "" {
			nic.MAC = mac()
		}
		nic.MAC = strings.ToLower(nic.MAC)
		if !nic.virtio() {
			kernel = Full
		}
		c.CPUs = max(c.CPUs, nic.Queues)
	}
	if c.Name == "" {
		c.Name = "guest"
	}
	if c.Kernel == "" {
		c.Kernel = kernel
	}
	if c.Memory == 0 {
		c.Memory = 256
	}
	if c.Group == 0 {
		c.Group = c.User
	}
	return c
}

func (n NIC) virtio() bool { return strings.HasPrefix(n.Model, "virtio-net") }

// qemuArgs is the whole command line. No default devices, no configuration
// files, no boot ROM: nothing is there that was not asked for.
func (c GuestConfig) qemuArgs(image Image) []string {
	args := []string{
		"qemu-system-x86_64", "-name", c.Name,
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-machine", "pc,usb=off,vmport=off,graphics=off",
		"-accel", "tcg,thread=multi", "-cpu", "max",
		"-smp", strconv.Itoa(c.CPUs), "-m", strconv.Itoa(c.Memory),
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
		"-kernel", image.Kernel, "-initrd", image.Initrd, "-append", c.commandLine(),
	}
	for i, nic := range c.NICs {
		id := "net" + strconv.Itoa(i)
		args = append(args, "-netdev", nic.netdev(id), "-device", nic.device(id))
	}
	return append(args, c.QEMU...)
}

// commandLine is the kernel's; its ubridge.* words are for test/guest/init.
func (c GuestConfig) commandLine() string {
	macs := make([]string, len(c.NICs))
	for i, nic := range c.NICs {
		macs[i] = nic.MAC
	}
	line := fmt.Sprintf("%s ubridge.name=%s ubridge.nics=%s ubridge.modules=%s %s",
		kernelArgs, c.Name, strings.Join(macs, ","), strings.Join(c.Modules, ","), c.Append)
	return strings.TrimSpace(line)
}

func (n NIC) netdev(id string) string {
	backend := n.Netdev
	if backend == "" {
		backend = "tap,ifname=" + n.Tap + ",script=no,downscript=no"
		if n.Queues > 1 {
			backend += ",queues=" + strconv.Itoa(n.Queues)
		}
	}
	kind, rest, _ := strings.Cut(backend, ",")
	return joinOptions(kind, "id="+id, rest, n.NetdevOptions)
}

func (n NIC) device(id string) string {
	options := []string{n.Model, "netdev=" + id, "mac=" + n.MAC, "romfile="}
	if n.virtio() && n.Queues > 1 {
		// One vector for each queue of a pair, one for the configuration, one
		// for the control queue.
		options = append(options, "mq=on", "vectors="+strconv.Itoa(2*n.Queues+2))
	}
	if n.virtio() && n.MTU > 0 {
		options = append(options, "host_mtu="+strconv.Itoa(n.MTU))
	}
	return joinOptions(append(options, n.DeviceOptions)...)
}

func joinOptions(options ...string) string {
	var set []string
	for _, option := range options {
		if option != "" {
			set = append(set, option)
		}
	}
	return strings.Join(set, ",")
}
