package guests

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// QEMU ends and comes back, and the guest is reset: its port follows without a
// command and its address stays.
func TestMachineRestarts(t *testing.T) {
	b := newBed(t)
	qmp := filepath.Join(qmpDir(t), "qmp")
	one, two := b.pair(testnet.NIC{}, testnet.NIC{}, "-qmp", "unix:"+qmp+",server=on,wait=off")
	addr := one.addr
	same := func(what string) {
		t.Helper()
		one.lease()
		if one.addr != addr {
			t.Errorf("address %s after %s, %s before", one.addr, what, addr)
		}
		two.ping(one.addr)
		one.download(1 << 20)
	}
	reset(t, qmp)
	b.Eventually(time.Minute, "the guest's second boot", func() error {
		if n := strings.Count(one.Console(), "@@ubridge ready"); n < 2 {
			return fmt.Errorf("booted %d times", n)
		}
		return nil
	})
	same("a reset")
	if err := one.Stop(); err != nil {
		t.Fatal(err)
	}
	b.d.AwaitPort(one.tap, api.StateDown)
	two.ping(lab.Gateway)
	one.Restart()
	same("the restart of QEMU")
	one.Kill()
	b.d.AwaitPort(one.tap, api.StateDown)
	one.Guest = b.Host.Boot(one.Config)
	same("QEMU's crash")
}

// qmpDir is a directory that nobody may write to, and a socket's short path.
func qmpDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ubqmp")
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// reset presses the machine's reset button. Testnet's machines end when they
// reboot, so that is set aside until the new boot has begun.
func reset(t *testing.T, qmp string) {
	t.Helper()
	monitor(t, qmp,
		`{"execute": "set-action", "arguments": {"reboot": "reset"}}`,
		`{"execute": "system_reset"}`)
	time.Sleep(time.Second) // the reset is done on the way, not before the answer
	monitor(t, qmp, `{"execute": "set-action", "arguments": {"reboot": "shutdown"}}`)
}

// monitor gives QEMU commands.
func monitor(t *testing.T, qmp string, commands ...string) {
	t.Helper()
	c, err := net.Dial("unix", qmp)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	answers := json.NewDecoder(c)
	for _, command := range append([]string{`{"execute": "qmp_capabilities"}`}, commands...) {
		fmt.Fprintln(c, command)
		for {
			var a map[string]any
			if err := answers.Decode(&a); err != nil || a["error"] != nil {
				t.Fatalf("%s: %v, %v", command, a, err)
			}
			if a["return"] != nil { // else the greeting, or an event
				break
			}
		}
	}
}

// The daemon stops in order and is started again while machines run: they keep
// their taps and addresses and are served as before.
func TestDaemonRestart(t *testing.T) {
	b := newBed(t)
	one, two := b.pair(testnet.NIC{}, testnet.NIC{})
	b.d.Stop()
	if _, err := one.Try("ping -c 1 -W 1 " + two.addr); err == nil {
		t.Error("frames pass with the daemon stopped: something else switches")
	}
	b.d = b.d.Again()
	for _, m := range []*machine{one, two} {
		b.d.AwaitPort(m.tap, api.StateUp)
	}
	one.ping(two.addr)
	two.lookup("one", one.addr)
	one.download(4 << 20)
	addr := one.addr
	one.lease()
	if one.addr != addr {
		t.Errorf("address %s after the restart, %s before", one.addr, addr)
	}
}

// The daemon is killed in the middle of a download and started again: the
// download goes on.
func TestDaemonKilledDuringDownload(t *testing.T) {
	b := newBed(t)
	one, two := b.pair(testnet.NIC{}, testnet.NIC{})
	const size = 100 << 20
	one.Run(fmt.Sprintf("(wget -q -O - http://%s/bytes/%d | sha256sum >/tmp/sum; touch /tmp/done) >/dev/null 2>&1 &", lab.ServerName, size))
	b.Eventually(30*time.Second, "a download on its way", func() error {
		if n := b.d.Port(one.tap).TxBytes; n < 2<<20 {
			return fmt.Errorf("%d bytes so far", n)
		}
		return nil
	})
	b.d.Crash()
	time.Sleep(time.Second) // long enough for retransmissions to be lost
	if out := one.Run("ls /tmp/done 2>&1; pidof wget || true"); !strings.Contains(out, "No such file") {
		t.Fatalf("the download was over before the daemon was killed: %s", out)
	}
	b.d = b.d.Again()
	out, err := one.TryFor(2*time.Minute, "while [ ! -e /tmp/done ]; do sleep 0.2; done; cat /tmp/sum")
	if err != nil {
		t.Fatal(err)
	}
	if got, _, _ := strings.Cut(out, " "); got != lab.Digest(size) {
		t.Errorf("SHA-256 %s, want %s", got, lab.Digest(size))
	}
	two.ping(one.addr)
}
