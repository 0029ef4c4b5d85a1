package nic

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/internal/nstest"
	"ubridge/internal/hostnet/steer"
)

// looked is Look in the namespace.
func looked(t *testing.T, ns *nstest.NS, name string) (f Facts) {
	t.Helper()
	ns.Must(func() (err error) {
		f, err = Look(name)
		return err
	})
	return f
}

// expect looks at a device and wants words in what is judged of it.
func expect(t *testing.T, ns *nstest.NS, name string, words ...string) Facts {
	t.Helper()
	f := looked(t, ns, name)
	f.Platform = Platform{} // of the machine that runs the test
	text := say(Judge(f))
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s: no %q in\n%s%+v", name, w, text, f)
		}
	}
	return f
}

// TestLook asks the kernel for the kinds of device that it can make anywhere.
func TestLook(t *testing.T) {
	ns, peer := nstest.New(t), nstest.New(t)
	nstest.Veth(ns, "v0", peer, "v1")
	ns.Run("ip addr add 192.0.2.1/24 dev v0\nip link property add dev v0 altname enp9s9")
	if f := expect(t, ns, "v0", "ok kind: Ethernet, veth\nok link: up, MTU 1500"); len(f.Unseen) > 0 || f.Driver != "veth" || f.Ifindex == 0 ||
		!slices.Contains(f.Addresses, netip.MustParsePrefix("192.0.2.1/24")) {
		t.Errorf("%+v", f)
	}
	expect(t, ns, "enp9s9", "ok kind: Ethernet, veth")
	expect(t, ns, "lo", "loopback")
	ns.Must(func() error {
		if _, err := Look("gone0"); !errors.Is(err, hostnet.ErrNoDevice) {
			t.Errorf("a device that is not there: %v", err)
		}
		return nil
	})

	ns.Run("ip tuntap add tun0 mode tun\nip tuntap add tap0 mode tap")
	expect(t, ns, "tun0", "(tun) has no Ethernet header")
	expect(t, ns, "tap0", "ok kind: Ethernet, tap", "warn link: tap0 is down")

	ns.Run("ip link add mv0 link v0 type macvlan mode bridge\nip link add mt0 link v0 type macvtap mode private")
	expect(t, ns, "mv0", "macvlan (bridge), which receives for its own MAC address only", "--uplink v0")
	expect(t, ns, "mt0", "macvtap (private)")
	expect(t, ns, "v0", "not the host: mv0, mt0")
	ns.Run("ip link del mv0\nip link del mt0\nip link add mp0 link v0 type macvlan mode passthru")
	expect(t, ns, "v0", "fail use: v0 is given whole to mp0")
	ns.Run("ip link set mp0 netns " + peer.Path())
	if f := looked(t, peer, "mp0"); f.Lower != "" || f.MacvlanMode != "passthru" {
		t.Errorf("a macvlan whose NIC is in another namespace: %+v", f)
	}
	peer.Run("ip link del mp0")

	ns.Run("ip link add br0 type bridge\nip link set v0 master br0")
	expect(t, ns, "v0", "fail use: v0 is a port of the bridge br0")
	expect(t, ns, "br0", "ok kind: Ethernet, bridge")
	ns.Run("ip link set v0 nomaster\nip link set v0 mtu 1000")
	expect(t, ns, "v0", "1000 bytes is too small")
	peer.Run("ip link set v1 down")
	expect(t, ns, "v0", "v0 has no carrier")
}

// TestDuplicateAddress lets the kernel find out that an address is taken.
func TestDuplicateAddress(t *testing.T) {
	ns, peer := nstest.New(t), nstest.New(t)
	nstest.Veth(ns, "v0", peer, "v1")
	peer.Run("ip addr add 2001:db8::5/64 dev v1 nodad")
	ns.Run("ip addr add 2001:db8::5/64 dev v0")
	for range 500 {
		if strings.Contains(ns.Run("ip addr show dev v0"), "dadfailed") {
			expect(t, ns, "v0", "another machine has the host's address 2001:db8::5")
			return
		}
		ns.Run("sleep 0.01")
	}
	t.Fatal("duplicate address detection found nothing in 5 s")
}

// TestOthersPrograms finds what runs at the hooks, and leaves out our own.
func TestOthersPrograms(t *testing.T) {
	ns, peer := nstest.New(t), nstest.New(t)
	nstest.Veth(ns, "v0", peer, "v1")
	ns.Run("tc qdisc add dev v0 clsact")
	attach := func(name string, protocol uint16, preference uint16) {
		program := load(t, ebpf.SchedCLS)
		ns.Must(func() error {
			l, err := netlink.LinkByName("v0")
			if err != nil {
				return err
			}
			return netlink.FilterReplace(&netlink.BpfFilter{
				FilterAttrs: netlink.FilterAttrs{LinkIndex: l.Attrs().Index, Parent: netlink.HANDLE_MIN_EGRESS, Handle: 7, Protocol: protocol, Priority: preference},
				Fd:          program.FD(), Name: name, DirectAction: true,
			})
		})
	}
	attach("v4", unix.ETH_P_IP, 1)
	attach("late", unix.ETH_P_ALL, 9)
	if f := looked(t, ns, "v0"); len(f.Programs) != 2 || f.Programs[0] != (Program{"bpf", "v4", 1, false}) || f.Programs[1] != (Program{"bpf", "late", 9, true}) || f.Classic {
		t.Errorf("%+v", f.Programs)
	}
	ns.Run("tc filter del dev v0 egress")
	attach("ubridge-share", unix.ETH_P_ALL, 1)
	if f := looked(t, ns, "v0"); len(f.Programs) != 0 {
		t.Errorf("our own filter: %+v", f.Programs)
	}
	for _, step := range []struct {
		name   string
		anchor link.Anchor
		first  bool
	}{{"behind", link.Tail(), false}, {shareProgram, link.Head(), false}, {steer.NICEgressName, link.Head(), false}, {"ahead", link.Head(), true}} {
		ns.Must(func() error {
			tcx, err := link.AttachTCX(link.TCXOptions{Interface: looked(t, ns, "v0").Ifindex, Program: called(t, step.name, ebpf.SchedCLS), Attach: ebpf.AttachTCXEgress, Anchor: step.anchor})
			if err == nil {
				t.Cleanup(func() { _ = tcx.Close() })
			}
			return err
		})
		if text := say(Judge(looked(t, ns, "v0"))); strings.Contains(text, "warn tcx: tcx "+step.name) != step.first || strings.Contains(text, "behind") {
			t.Errorf("with a program %s: %s", step.name, text)
		}
	}
	xdp := load(t, ebpf.XDP)
	for _, mode := range []struct {
		flag int
		name string
	}{{unix.XDP_FLAGS_SKB_MODE, "generic"}, {unix.XDP_FLAGS_DRV_MODE, "native"}} {
		ns.Must(func() error {
			l, err := netlink.LinkByName("v0")
			if err != nil {
				return err
			}
			return netlink.LinkSetXdpFdWithFlags(l, xdp.FD(), mode.flag)
		})
		expect(t, ns, "v0", "XDP program ("+mode.name+")")
		ns.Run("ip link set v0 xdpgeneric off\nip link set v0 xdpdrv off")
	}
}

// load makes a program that lets everything pass: TC_ACT_UNSPEC, which is
// TCX_NEXT too, or XDP_PASS.
func load(t *testing.T, kind ebpf.ProgramType) *ebpf.Program {
	t.Helper()
	return called(t, "guard", kind)
}

// called is load with a name.
func called(t *testing.T, name string, kind ebpf.ProgramType) *ebpf.Program {
	t.Helper()
	result := int32(-1)
	if kind == ebpf.XDP {
		result = 2
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: name, Type: kind, License: "Apache-2.0",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, result), asm.Return()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// TestPhysicalFunction follows the links that sysfs has for a virtual function.
func TestPhysicalFunction(t *testing.T) {
	devices := t.TempDir()
	for _, dir := range []string{"0000:03:00.0/net/eno1", "0000:03:10.2", "0000:04:00.0"} {
		if err := os.MkdirAll(filepath.Join(devices, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"0000:03:10.2/physfn": "../0000:03:00.0", "0000:03:00.0/virtfn0": "../0000:03:10.0", "0000:03:00.0/virtfn12": "../0000:03:10.2",
	} {
		if err := os.Symlink(target, filepath.Join(devices, name)); err != nil {
			t.Fatal(err)
		}
	}
	if pf, index, is := physicalFunction(devices, "0000:03:10.2"); pf != "eno1" || index != 12 || !is {
		t.Errorf("%s %d %v", pf, index, is)
	}
	for _, bus := range []string{"0000:04:00.0", "", "../..", "virtio0"} {
		if _, _, is := physicalFunction(devices, bus); is {
			t.Errorf("%q is taken for a virtual function", bus)
		}
	}
}

// TestPlatform reads a DMI table.
func TestPlatform(t *testing.T) {
	dir := t.TempDir()
	if p := readPlatform(dir); p != (Platform{}) {
		t.Errorf("no table: %+v", p)
	}
	for name, text := range map[string]string{"sys_vendor": "QEMU\n", "product_name": "Standard PC\n", "chassis_asset_tag": " \n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if p := readPlatform(dir); p != (Platform{"QEMU", "Standard PC", ""}) {
		t.Errorf("%+v", p)
	}
}
