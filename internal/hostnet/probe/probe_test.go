package probe

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/internal/nstest"
)

// TestPortHolder names this process as the holder, by exact and by wildcard
// address, and nobody for what is free or bound elsewhere.
func TestPortHolder(t *testing.T) {
	ns := nstest.New(t)
	ns.Run("ip addr add 192.168.122.1/24 dev lo\nip addr add 192.168.123.1/24 dev lo")
	ns.Must(func() error {
		for _, addr := range []string{"192.168.122.1:53", "0.0.0.0:54", "[::]:55", "127.0.0.53:56"} {
			network := "tcp"
			if addr == "0.0.0.0:54" {
				network = "tcp4" // Go takes the wildcard for both families otherwise
			}
			l, err := net.Listen(network, addr)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = l.Close() })
		}
		u, err := net.ListenPacket("udp", "192.168.122.1:67")
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = u.Close() })
		return nil
	})
	self, _ := os.ReadFile("/proc/self/comm")
	me := fmt.Sprintf("%d %s", os.Getpid(), strings.TrimSpace(string(self)))
	for _, tc := range []struct {
		proto hostnet.Transport
		addr  string
		want  string
	}{
		{hostnet.TCP, "192.168.122.1:53", "192.168.122.1:53 " + me},
		{hostnet.TCP, "192.168.123.1:53", ""},
		{hostnet.UDP, "192.168.122.1:53", ""},
		{hostnet.TCP, "192.168.122.1:54", "0.0.0.0:54 " + me},
		{hostnet.TCP, "192.168.122.1:55", "[::]:55 " + me},
		{hostnet.TCP, "192.168.122.1:56", ""},
		{hostnet.UDP, "192.168.122.1:67", "192.168.122.1:67 " + me},
	} {
		var got string
		ns.Must(func() error {
			h, err := PortHolder(tc.proto, netip.MustParseAddrPort(tc.addr))
			if h != nil {
				got = fmt.Sprintf("%s %d %s", h.Address, h.PID, h.Name)
			}
			return err
		})
		if got != tc.want {
			t.Errorf("%s %s: held by %q, want %q", tc.proto, tc.addr, got, tc.want)
		}
	}
}

// TestCapabilities gives up one after the other on a thread of its own.
func TestCapabilities(t *testing.T) {
	ns := nstest.New(t)
	ns.Must(func() error {
		for _, step := range []struct {
			drop cap.Value
			want Capabilities
		}{
			{cap.SYSLOG, Capabilities{NetAdmin: true, NetRaw: true, BPF: true}},
			{cap.BPF, Capabilities{NetAdmin: true, NetRaw: true, BPF: true}}, // by CAP_SYS_ADMIN
			{cap.SYS_ADMIN, Capabilities{NetAdmin: true, NetRaw: true}},
			{cap.NET_RAW, Capabilities{NetAdmin: true}},
			{cap.NET_ADMIN, Capabilities{}},
		} {
			if err := drop(step.drop); err != nil {
				return err
			}
			if got, err := EffectiveCapabilities(); err != nil || got != step.want {
				t.Errorf("without %s: %+v %v, want %+v", step.drop, got, err, step.want)
			}
		}
		return nil
	})
}

// drop lowers one capability of the calling thread only, where libcap would
// change every thread of the process.
func drop(v cap.Value) error {
	var header unix.CapUserHeader
	var data [2]unix.CapUserData
	header.Version = unix.LINUX_CAPABILITY_VERSION_3
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[v/32].Effective &^= 1 << (v % 32)
	return unix.Capset(&header, &data[0])
}

// TestKernelFacts holds the machine that runs the suite against what the suite
// needs anyway.
func TestKernelFacts(t *testing.T) {
	nstest.Root(t)
	v, err := Kernel()
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil || v.Release != strings.TrimSpace(string(release)) || !v.AtLeast(6, 1) || v.AtLeast(v.Major, v.Minor+1) {
		t.Errorf("%+v %v", v, err)
	}
	if err := TunDevice(); err != nil {
		t.Error(err)
	}
	if err := BPF(); err != nil {
		t.Error(err)
	}
	if works, known, err := Clsact(); !works || !known || err != nil {
		t.Errorf("clsact: works %v, known %v, %v", works, known, err)
	}
}

// TestParseRelease reads the releases of a few distributions.
func TestParseRelease(t *testing.T) {
	for release, want := range map[string][2]int{
		"6.1.0-18-cloud-amd64": {6, 1}, "6.18.44": {6, 18}, "5.15.0-91-generic": {5, 15}, "7.0-rc1": {7, 0},
	} {
		if v, err := parseRelease(release); err != nil || v.Major != want[0] || v.Minor != want[1] {
			t.Errorf("%s: %+v %v", release, v, err)
		}
	}
	if _, err := parseRelease("linux"); err == nil {
		t.Error("nonsense was parsed")
	}
}

// TestDefaultRoutes leaves out IPv6 and routes that are not for everything.
func TestDefaultRoutes(t *testing.T) {
	ns, peer := nstest.New(t), nstest.New(t)
	nstest.Veth(ns, "v0", peer, "v1")
	list := func() (text string) {
		ns.Must(func() error {
			routes, err := DefaultRoutes4()
			for _, r := range routes {
				text += fmt.Sprintf("%s %s %d;", r.Device, r.Gateway, r.Table)
			}
			return err
		})
		return text
	}
	ns.Run("ip addr add 10.1.0.1/24 dev v0\nip route add 0.0.0.0/1 via 10.1.0.9\nip route add unreachable default metric 9999\nip -6 route add default dev v0")
	if got := list(); got != "" {
		t.Errorf("none: %s", got)
	}
	ns.Run("ip route add default via 10.1.0.254\nip route add default dev v0 table 77")
	if got, want := list(), "v0 invalid IP 77;v0 10.1.0.254 254;"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestXDP sees another's program.
func TestXDP(t *testing.T) {
	ns, peer := nstest.New(t), nstest.New(t)
	nstest.Veth(ns, "v0", peer, "v1")
	look := func(want bool) {
		t.Helper()
		ns.Must(func() error {
			if got, err := XDP("v0"); err != nil || got != want {
				t.Errorf("XDP %v (%v), want %v", got, err, want)
			}
			return nil
		})
	}
	look(false)
	attachXDP(t, ns)
	look(true)
}

// attachXDP puts `return XDP_PASS` on v0.
func attachXDP(t *testing.T, ns *nstest.NS) {
	t.Helper()
	ns.Must(func() error {
		program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Type:         ebpf.XDP,
			License:      "Apache-2.0",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}, // XDP_PASS
		})
		if err != nil {
			return err
		}
		defer program.Close()
		link, err := netlink.LinkByName("v0")
		if err != nil {
			return err
		}
		return netlink.LinkSetXdpFd(link, program.FD())
	})
}
