package demo

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"ubridge/internal/testnet"
)

const qemu = "qemu-system-x86_64"

// bootGuest attaches a real guest as a user would: a tap made by "port add",
// opened by QEMU; and has it do what the namespaces did.
func (t *tour) bootGuest() string {
	image, why := guestImage()
	if why != "" {
		return "left out: " + why
	}
	t.ubridge("port", "add", "default", "vnet0")
	g := t.host.Launch(testnet.GuestConfig{Name: realGuestName, Image: image, NICs: []testnet.NIC{{Tap: "vnet0"}}})
	t.setGuest(g)
	if t.ctx.Err() != nil { // it ended before there was a guest to interrupt
		t.Fatalf("interrupted")
	}
	g.WaitReady()
	t.lease = t.guestAddress(g)
	t.guestNames(g)
	g.Run("ping -c 2 -W 2 " + t.firstAddr)
	t.guestDownload(g)
	if t.opts.Keep { // its console ends with this process
		g.Run("telnetd -l /bin/sh")
	}
	return fmt.Sprintf("QEMU booted in %.1f s; lease %s, guest1's name, ping, download: all right", g.BootTime.Seconds(), t.lease)
}

// guestImage finds what a guest needs, or says why there is none.
func guestImage() (image testnet.Image, why string) {
	if !installed(qemu) {
		return image, "QEMU is not installed (apt-get install qemu-system-x86)"
	}
	image, err := testnet.GuestImage(testnet.Cloud)
	if err != nil {
		return image, "no guest image is cached (in the source tree: sudo test/guest/build)"
	}
	return image, ""
}

func (t *tour) guestAddress(g *testnet.Guest) string {
	g.Run("udhcpc -i eth0 -n -t 20 -T 1 -x hostname:" + realGuestName)
	out := strings.Fields(g.Run("ip -4 -o addr show dev eth0 | awk '{print $4}'"))
	if len(out) != 1 {
		t.Fatalf("the guest's addresses: %q", out)
	}
	addr, _, _ := strings.Cut(out[0], "/")
	return addr
}

// guestNames asks both ways: the guest for a neighbour and the server, a
// neighbour for it.
func (t *tour) guestNames(g *testnet.Guest) {
	for host, want := range map[string]string{firstName: t.firstAddr, serverName: serverFar} {
		out := g.Run("nslookup -type=a " + host)
		if !slices.ContainsFunc(strings.Fields(out), sameAddr(want)) {
			t.Fatalf("the guest asks for %s: want %s, the answer is:\n%s", host, want, out)
		}
	}
	if addr, err := lookup(t.ctx, t.first, realGuestName); err != nil || addr.String() != t.lease {
		t.Fatalf("guest1 asks for %s: want %s, got %v, %v", realGuestName, t.lease, addr, err)
	}
}

func (t *tour) guestDownload(g *testnet.Guest) {
	// Not wget's own -T: that of Debian's static busybox 1.35 crashes.
	out := g.Run("timeout 20 wget -q -O - http://" + serverName + "/ | sha256sum")
	if want := fmt.Sprintf("%x", sha256.Sum256(payload())); !strings.HasPrefix(out, want) {
		t.Fatalf("the guest's download has the checksum %s, want %s", out, want)
	}
}
