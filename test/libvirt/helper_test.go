package libvirt

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// nobody is the user that guests run as here.
const nobody = 65534

// helperBed is a daemon whose helper users may reach.
type helperBed struct {
	*lab.Net
	d      *lab.Daemon
	helper string // the helper, as QEMU is told
}

func newHelperBed(n *lab.Net, o lab.Options) *helperBed {
	t := n.T
	t.Helper()
	b := &helperBed{Net: n, d: n.Start(o), helper: filepath.Join(n.Dir(), "helper")}
	if err := os.Chmod(b.d.Runtime, 0o755); err != nil { // as systemd and the daemon have it
		t.Fatal(err)
	}
	link := filepath.Join(n.Dir(), "ubridge-bridge-helper")
	if err := os.Symlink(testnet.Binary(t), link); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nUBRIDGE_HELPER_SOCKET=%s/helper.sock exec %s \"$@\"\n", b.d.Runtime, link)
	if err := os.WriteFile(b.helper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

// allow writes the ACL.
func (b *helperBed) allow(text string) {
	b.T.Helper()
	if err := os.WriteFile(filepath.Join(b.d.Config, "bridge.conf"), []byte(text), 0o644); err != nil {
		b.T.Fatal(err)
	}
}

// ask starts the helper as a user, as QEMU does, and returns what it passes: the
// tap, or what it says.
func (b *helperBed) ask(uid, gid uint32, bridge string, args ...string) (*os.File, error) {
	b.T.Helper()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		b.T.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "qemu"), os.NewFile(uintptr(ends[1]), "helper")
	defer ours.Close()
	cmd := exec.Command(b.helper, append(args, "--fd=3", "--br="+bridge)...)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	out, err := cmd.CombinedOutput()
	theirs.Close()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	c, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	data, oob := make([]byte, 1), make([]byte, 64)
	_, oobn, _, _, err := c.(*net.UnixConn).ReadMsgUnix(data, oob)
	if err != nil {
		return nil, err
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("%d messages, %v", len(messages), err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	tap := os.NewFile(uintptr(fds[0]), "tap")
	b.T.Cleanup(func() { tap.Close() })
	return tap, nil
}

// TestGuestOfAnUnprivilegedUser boots a real guest whose QEMU is nobody's and may
// not even open /dev/net/tun.
func TestGuestOfAnUnprivilegedUser(t *testing.T) {
	if testing.Short() {
		t.Skip("a machine takes seconds to boot")
	}
	t.Parallel()
	testnet.Require(t, "qemu-system-x86_64", "setpriv")
	b := newHelperBed(lab.New(t, "lvqemu"), adopting)
	b.allow("allow default nobody\n")
	for _, br := range []string{"default", "ubr0"} {
		g := b.Host.Boot(testnet.GuestConfig{Name: "own", User: nobody, NICs: []testnet.NIC{{Netdev: "bridge,br=" + br + ",helper=" + b.helper}}})
		awaitPorts(b.Net, b.d, "default", "ubtap0")
		p := b.d.Port("ubtap0")
		if !p.Transient || p.Kind != api.KindTap || p.State != api.StateUp {
			t.Errorf("port list: %+v", p)
		}
		g.Run("udhcpc -i eth0 -n -q -t 20 -T 1 -x hostname:own")
		g.Run("ping -c 2 -W 5 " + lab.Gateway)
		out := g.Run(fmt.Sprintf("wget -q -O - http://%s/bytes/%d | sha256sum", lab.ServerName, 1<<20))
		if got, _, _ := strings.Cut(out, " "); got != lab.Digest(1<<20) {
			t.Errorf("download has SHA-256 %s", got)
		}
		mine := func(l api.Lease) bool { return l.MAC == g.Config.NICs[0].MAC && l.Hostname == "own" }
		if leases := b.d.Leases("default"); !slices.ContainsFunc(leases, mine) {
			t.Errorf("leases %+v", leases)
		}
		b.d.Crash() // the guest's tap outlives the daemon
		b.d = b.d.Again()
		b.d.AwaitPort("ubtap0", api.StateUp)
		g.Run("ping -c 2 -W 5 " + lab.Gateway)
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
		awaitPorts(b.Net, b.d, "default")
		if _, err := b.Host.Try("ip", "link", "show", "ubtap0"); err == nil {
			t.Error("the tap is left behind")
		}
	}
}

func TestHelperAsksTheACL(t *testing.T) {
	t.Parallel()
	b := newHelperBed(lab.Quiet(t, "lvacl"), adopting)
	refused := func(uid, gid uint32, bridge string, words ...string) {
		t.Helper()
		_, err := b.ask(uid, gid, bridge, "--use-vnet")
		for _, word := range words {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("uid %d on %s: %v, want %q", uid, bridge, err, word)
			}
		}
	}
	given := func(uid, gid uint32, bridge string, args ...string) *os.File {
		t.Helper()
		tap, err := b.ask(uid, gid, bridge, args...)
		if err != nil {
			t.Fatalf("uid %d on %s: %v", uid, bridge, err)
		}
		return tap
	}
	refused(4242, 4242, "default", "uid 4242 may not attach guests to network default", "allow default 4242", b.d.Config+"/bridge.conf")
	refused(4242, 4242, "nowhere", "nowhere")
	given(0, 0, "default").Close() // root could add the port itself
	b.allow("allow default 4242\nallow ubr0 %4343\ndeny all 4244\n")
	refused(4244, 4343, "ubr0", "deny all")
	refused(4245, 4245, "default", "allow default 4245")
	awaitPorts(b.Net, b.d, "default")

	with, without := given(4242, 4242, "ubr0", "--use-vnet"), given(4243, 4343, "default")
	awaitPorts(b.Net, b.d, "default", "ubtap0", "ubtap1")
	for tap, want := range map[*os.File]bool{with: true, without: false} {
		ifr, err := unix.NewIfreq("")
		if err == nil {
			err = unix.IoctlIfreq(int(tap.Fd()), unix.TUNGETIFF, ifr)
		}
		if got := ifr.Uint16()&unix.IFF_VNET_HDR != 0; err != nil || got != want {
			t.Errorf("%s has a vnet header: %v, want %v (%v)", ifr.Name(), got, want, err)
		}
	}
	if out := b.Host.Run("ip", "tuntap", "show"); strings.Count(out, " user 0") != 2 { // without an owner everybody could open them
		t.Errorf("the taps are\n%s", out)
	}
	with.Close()
	awaitPorts(b.Net, b.d, "default", "ubtap1")

	// A user that makes it persistent has nothing of it.
	if err := unix.IoctlSetInt(int(without.Fd()), unix.TUNSETPERSIST, 1); err != nil {
		t.Fatal(err)
	}
	without.Close()
	awaitPorts(b.Net, b.d, "default")
	if out := b.Host.Run("ip", "-o", "link"); strings.Contains(out, "ubtap") {
		t.Errorf("left behind: %s", out)
	}
	b.d.Run("net", "stop", "default")
	refused(4242, 4242, "default", "not active")
}

func TestTapsOfAUserHaveAnEnd(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "lvquota")
	b := newHelperBed(n, lab.Options{Config: map[string]string{"ubridge.toml": testnet.DaemonConfig() + "\n[helper]\ntaps_per_user = 2\n", "bridge.conf": "allow all\n"}})
	var taps []*os.File
	for range 2 {
		tap, err := b.ask(4242, 4242, "default")
		if err != nil {
			t.Fatal(err)
		}
		taps = append(taps, tap)
	}
	if _, err := b.ask(4242, 4242, "default"); err == nil || !strings.Contains(err.Error(), "taps_per_user") {
		t.Errorf("a third tap: %v", err)
	}
	if _, err := b.ask(4243, 4243, "default"); err != nil {
		t.Errorf("another user: %v", err)
	}
	taps[0].Close()
	n.Eventually(10*time.Second, "room for one more", func() error {
		_, err := b.ask(4242, 4242, "default")
		return err
	})
	b.d.Stop()
	if _, err := os.Stat(filepath.Join(b.d.Runtime, "helper.sock")); err == nil {
		t.Error("helper.sock is left behind")
	}
	if _, err := b.ask(4242, 4242, "default"); err == nil || !strings.Contains(err.Error(), "no daemon answers") {
		t.Errorf("without a daemon: %v", err)
	}
}
