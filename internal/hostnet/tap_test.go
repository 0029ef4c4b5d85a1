package hostnet

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ubridge/internal/hostnet/internal/nstest"
)

// TestMain lets the test binary play the unprivileged opener of a tap.
func TestMain(m *testing.M) {
	if name := os.Getenv("TAP_OPENER"); name != "" {
		fmt.Print(openTap(name, os.Getenv("TAP_QUEUES") == "many"))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// openTap tries to take a tap as QEMU does, and says how it went. The parent has
// opened /dev/net/tun for it, which is open to everybody on most hosts only.
func openTap(name string, multi bool) string {
	if err := takeQueue(os.NewFile(3, "tun"), name, multi); err != nil {
		return err.Error()
	}
	return "ok"
}

func takeQueue(f *os.File, name string, multi bool) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if multi {
		flags |= unix.IFF_MULTI_QUEUE
	}
	req.SetUint16(flags)
	return unix.IoctlIfreq(int(f.Fd()), unix.TUNSETIFF, req)
}

// openAs runs openTap in a child with another user and group.
func openAs(t *testing.T, ns *nstest.NS, name string, uid, gid uint32, multi bool) (said string) {
	t.Helper()
	ns.Must(func() error {
		tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer tun.Close()
		cmd := exec.Command("/proc/self/exe")
		cmd.ExtraFiles = []*os.File{tun}
		cmd.Env = []string{"TAP_OPENER=" + name}
		if multi {
			cmd.Env = append(cmd.Env, "TAP_QUEUES=many")
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
		out, err := cmd.CombinedOutput()
		said = string(out)
		return err
	})
	return said
}

// TestMakeTap opens taps as several users, single- and multi-queue.
func TestMakeTap(t *testing.T) {
	id := func(n uint32) *uint32 { return &n }
	for _, tc := range []struct {
		name     string
		spec     TapSpec
		uid, gid uint32
		multi    bool
		want     string
	}{
		{"nobody named, root", TapSpec{}, 0, 0, false, "ok"},
		{"nobody named, another", TapSpec{}, 1234, 1234, false, "operation not permitted"},
		{"owner", TapSpec{Owner: id(1234)}, 1234, 99, false, "ok"},
		{"not the owner", TapSpec{Owner: id(1234)}, 1235, 99, false, "operation not permitted"},
		{"group", TapSpec{Group: id(99)}, 1234, 99, false, "ok"},
		{"not the group", TapSpec{Group: id(99)}, 1234, 1234, false, "operation not permitted"},
		{"one queue asked of many", TapSpec{Owner: id(1234), Queues: 1}, 1234, 99, true, "invalid argument"},
		{"many queues", TapSpec{Owner: id(1234), Queues: 2}, 1234, 99, true, "ok"},
		{"many queues opened as one", TapSpec{Owner: id(1234), Queues: 2}, 1234, 99, false, "invalid argument"},
	} {
		// Not in parallel: a process that another test forks holds the tap open, too,
		// until it executes its program.
		t.Run(tc.name, func(t *testing.T) {
			ns := nstest.New(t)
			tc.spec.Name, tc.spec.MTU = "vnet0", 9000
			tc.spec.MAC = net.HardwareAddr{2, 0, 0, 0, 0, 7}
			ns.Must(func() error { return MakeTap(tc.spec) })
			d := info(t, ns, "vnet0")
			if d.Kind != "tap" || d.MTU != 9000 || d.MAC.String() != "02:00:00:00:00:07" || d.Carrier ||
				!d.Tap.Persistent || d.Tap.MultiQueue != (tc.spec.Queues > 1) {
				t.Errorf("made %+v %+v", d, d.Tap)
			}
			if got := openAs(t, ns, "vnet0", tc.uid, tc.gid, tc.multi); got != tc.want {
				t.Errorf("opened: %s, want %s", got, tc.want)
			}
			for range 2 {
				ns.Must(func() error { return RemoveTap("vnet0") })
			}
			if err := ns.Do(func() error { _, err := DeviceInfo("vnet0"); return err }); !errors.Is(err, ErrNoDevice) {
				t.Errorf("after removal: %v", err)
			}
		})
	}
}

// TestRemoveTapInUse leaves a guest's tap alone, flags and all.
func TestRemoveTapInUse(t *testing.T) {
	for _, queues := range []int{1, 2} {
		ns := nstest.New(t)
		ns.Must(func() error { return MakeTap(TapSpec{Name: "vnet0", Queues: queues}) })
		var guest *os.File
		ns.Must(func() (err error) {
			if guest, err = os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
				return err
			}
			return takeQueue(guest, "vnet0", queues > 1)
		})
		ns.Run("ip link set vnet0 up") // a tap has carrier only while it is up
		before := ns.Run("ip -d link show vnet0")
		if err := ns.Do(func() error { return RemoveTap("vnet0") }); !errors.Is(err, ErrTapInUse) {
			t.Errorf("%d queues: %v, want %v", queues, err, ErrTapInUse)
		}
		if after := ns.Run("ip -d link show vnet0"); after != before {
			t.Errorf("%d queues: changed under the guest:\n%s\nwas\n%s", queues, after, before)
		}
		if d := info(t, ns, "vnet0"); !d.Carrier {
			t.Errorf("%d queues: a tap in use has no carrier", queues)
		}
		_ = guest.Close()
		ns.Must(func() error { return RemoveTap("vnet0") })
	}
}

// TestMakeTapRefuses what cannot work, and leaves nothing of it.
func TestMakeTapRefuses(t *testing.T) {
	ns := nstest.New(t)
	ns.Run("ip tuntap add there mode tap")
	one := uint32(1)
	for _, tc := range []struct {
		spec TapSpec
		want string
	}{
		{TapSpec{Name: "vnet0", Owner: &one, Group: &one}, "an owner or a group"},
		{TapSpec{Name: "there"}, "a device of that name exists"},
		{TapSpec{Name: "vnet1", MTU: 99999999}, "set MTU"},
		{TapSpec{Name: "vnet2", MAC: net.HardwareAddr{1, 0, 0, 0, 0, 0}}, "set MAC"},
	} {
		err := ns.Do(func() error { return MakeTap(tc.spec) })
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %q", tc.spec, err, tc.want)
		}
	}
	if out := ns.Run("ip -o link show type tun"); strings.Count(out, "\n") != 1 {
		t.Errorf("left: %s", out)
	}
	ns.Run("ip link add br0 type bridge")
	if err := ns.Do(func() error { return RemoveTap("br0") }); err == nil {
		t.Error("a bridge was removed as a tap")
	}
}

func info(t *testing.T, ns *nstest.NS, name string) (d Device) {
	t.Helper()
	ns.Must(func() (err error) {
		d, err = DeviceInfo(name)
		return err
	})
	return d
}
