package testnet

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nobody is the uid that QEMU runs under here: not root, not an account.
const nobody = 65534

func requireGuests(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("guests take seconds to boot")
	}
	Require(t, "qemu-system-x86_64", "setpriv")
}

// logBoot prints what a report wants to quote.
func logBoot(t *testing.T, g *Guest) {
	t.Helper()
	t.Logf("%s: %s, booted in %v\n%s", g.Config.Name, strings.TrimSpace(g.Run("uname -r")),
		g.BootTime.Round(10*time.Millisecond), strings.Join(g.CommandLine(), " "))
}

// TestTwoGuests joins two virtio guests by a kernel bridge, the stand-in for
// what this project is about.
func TestTwoGuests(t *testing.T) {
	requireGuests(t)
	host := New(t, prefix).NS("host")
	host.Tap("vnet0", nobody, 1)
	host.Tap("vnet1", nobody, 1)
	host.Bridge("br0", "vnet0", "vnet1")
	one := host.Launch(GuestConfig{Name: "one", User: nobody, NICs: []NIC{{Tap: "vnet0"}}})
	two := host.Launch(GuestConfig{Name: "two", User: nobody, NICs: []NIC{{Tap: "vnet1", MTU: 1400}}})
	one.WaitReady()
	two.WaitReady()
	logBoot(t, one)
	logBoot(t, two)
	one.Run("ip addr add 10.9.0.1/24 dev eth0; ip link set eth0 up")
	two.Run("ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up")
	one.Run("ping -c 3 -W 5 10.9.0.2")
	two.Run("ping -c 3 -W 5 -s 1372 10.9.0.1")
	if got := strings.TrimSpace(two.Run("cat /sys/class/net/eth0/mtu")); got != "1400" {
		t.Errorf("host_mtu 1400 arrived as %s", got)
	}
	if got := strings.Fields(host.Run("ps", "-o", "uid=", "-p", itoa(one.Proc().Pid())))[0]; got != itoa(nobody) {
		t.Errorf("QEMU runs as uid %s, want %d", got, nobody)
	}

	if err := one.Stop(); err != nil {
		t.Errorf("Stop: %v", err)
	}
	two.Restart()
	two.Run("ip link set eth0 up")
	two.Kill()
	if _, err := two.Try("true"); err == nil {
		t.Error("a killed guest took a command")
	}
}

// TestModels boots each emulated card, reaches the namespace through it, and
// takes a lease by the image's own udhcpc script.
func TestModels(t *testing.T) {
	requireGuests(t)
	Require(t, "dnsmasq")
	for _, model := range []string{"e1000", "rtl8139", "virtio-net-pci"} {
		t.Run(model, func(t *testing.T) {
			host := New(t, prefix).NS("host")
			host.Tap("vnet0", 0, 1)
			host.Addr("vnet0", "10.9.0.1/24")
			host.Start("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--interface=vnet0", "--leasefile-ro",
				"--no-resolv", "--no-hosts", "--no-ping", "--address=/server.test/10.9.0.1", "--domain=lab",
				"--dhcp-range=10.9.0.50,10.9.0.60,255.255.255.0", "--user=root", "--pid-file=")
			mtu := 1300
			g := host.Boot(GuestConfig{Name: "guest", Kernel: Full, NICs: []NIC{{Tap: "vnet0", Model: model, MTU: mtu}}})
			logBoot(t, g)
			g.Run("udhcpc -i eth0 -n -q -t 10 -T 1")
			if got := g.Run("ip -4 addr show dev eth0; ip route; cat /etc/resolv.conf /sys/class/net/eth0/mtu"); !containsAll(got,
				"10.9.0.5", "default via 10.9.0.1", "search lab", "nameserver 10.9.0.1", itoa(mtu)) {
				t.Errorf("after udhcpc:\n%s", got)
			}
			g.Run("nslookup -type=a server.test && ping -c 1 server.test")
		})
	}
}

func containsAll(s string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return true
}

// TestGuestOrderAndFiles: cards of different drivers keep the order asked
// for, and files arrive whole.
func TestGuestOrderAndFiles(t *testing.T) {
	requireGuests(t)
	lab := New(t, prefix)
	host := lab.NS("host")
	nics := make([]NIC, 3)
	for i, model := range []string{"e1000", "virtio-net-pci", "rtl8139"} {
		nics[i] = NIC{Tap: fmt.Sprintf("vnet%d", i), Model: model}
		host.Tap(nics[i].Tap, 0, 1)
	}
	content := strings.Repeat("seven..", 12345)
	file := filepath.Join(lab.Dir(), "tool")
	if err := os.WriteFile(file, []byte(content), 0o750); err != nil {
		t.Fatal(err)
	}
	g := host.Boot(GuestConfig{NICs: nics, Files: map[string]string{"/usr/local/bin/tool": file}, Modules: []string{"tun", "cls_bpf"}})
	for i, nic := range g.Config.NICs {
		if got := strings.TrimSpace(g.Run(fmt.Sprintf("cat /sys/class/net/eth%d/address", i))); got != nic.MAC {
			t.Errorf("eth%d has address %s, want %s", i, got, nic.MAC)
		}
	}
	want := fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
	if got := g.Run("sha256sum /usr/local/bin/tool; stat -c %a /usr/local/bin/tool"); !containsAll(got, want, "\n750\n") {
		t.Errorf("the file arrived as %q", got)
	}
	g.Run("ip link add dum0 type dummy") // the kernel finds modprobe
	g.Run("test -c /dev/net/tun && lsmod | grep -q ^cls_bpf")
}

func TestGuestCommands(t *testing.T) {
	requireGuests(t)
	host := New(t, prefix).NS("host")
	host.Tap("vnet0", 0, 2)
	g := host.Boot(GuestConfig{NICs: []NIC{{Tap: "vnet0", Queues: 2}}})

	if got := g.Run("echo 'a  b'\nprintf '@@ubridge end 1 0\\n\\001\\377'"); got != "a  b\n@@ubridge end 1 0\n\x01\xff" {
		t.Errorf("output arrived as %q", got)
	}
	_, err := g.Try("echo why; exit 7")
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != 7 || exit.Output != "why\n" {
		t.Errorf("exit code 7 arrived as %v", err)
	}
	if _, err := g.TryFor(time.Second, "sleep 100"); !errors.Is(err, ErrTimeout) {
		t.Errorf("a command without end: %v", err)
	}
	g.Run("(sleep 1; echo late) & true") // writes when another command runs
	if got := g.Run("sleep 2; echo fine"); got != "fine\n" {
		t.Errorf("output mixed with that of a command before: %q", got)
	}
	if got := len(g.Run("head -c 300000 /dev/zero")); got != 300000 {
		t.Errorf("%d bytes of 300000 arrived", got)
	}
	g.Run("true " + strings.Repeat("x", 20000)) // far longer than a terminal's line
	if got := strings.TrimSpace(g.Run("ls -d /sys/class/net/eth0/queues/rx-* | wc -l")); got != "2" {
		t.Errorf("%s receive queues, want 2", got)
	}
}
