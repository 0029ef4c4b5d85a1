package bridging

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// lroHost is a machine whose NIC merges what it receives (QEMU's vmxnet3: no
// device of a namespace has LRO), with a daemon's command line in it.
type lroHost struct {
	*testnet.Guest
	t *testing.T
}

// withTool are the files by which a program of this machine runs in another.
func withTool(t *testing.T, program string) map[string]string {
	t.Helper()
	testnet.Require(t, program, "ldd")
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"/usr/sbin/" + program: path}
	out, err := exec.Command("ldd", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	for word := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(word, "/") {
			files[word] = word
		}
	}
	return files
}

// daemon starts one and waits until it answers.
func (m *lroHost) daemon() {
	m.t.Helper()
	m.Run(`(ubridge run >>/tmp/log 2>&1 &) ; for i in $(seq 100); do ubridge net list >/dev/null 2>&1 && exit 0; sleep 0.1; done; cat /tmp/log; exit 1`)
}

// lro wants LRO to be in a state, as ethtool(8) has it, within ten seconds.
func (m *lroHost) lro(state, when string) {
	m.t.Helper()
	out, err := m.Try(fmt.Sprintf(`for i in $(seq 100); do ethtool -k eth0 | grep -q "^large-receive-offload: %s" && exit 0; sleep 0.1; done; ethtool -k eth0; tail /tmp/log; exit 1`, state))
	if err != nil {
		m.t.Errorf("LRO is not %s %s: %v\n%s", state, when, err, out)
	}
}

// TestLROIsPutBack: it is off while a network of mode bridge runs on a NIC that
// has it, and on again after a stop, a crash and net restore, also where somebody
// turned it on meanwhile.
func TestLROIsPutBack(t *testing.T) {
	if testing.Short() {
		t.Skip("a machine takes seconds to boot")
	}
	t.Parallel()
	testnet.Require(t, "qemu-system-x86_64")
	n := lab.Quiet(t, "brlro")
	n.Host.Tap("up0", 0, 1)
	files := withTool(t, "ethtool")
	files["/usr/bin/ubridge"] = testnet.Binary(t)
	m := &lroHost{t: t, Guest: n.Host.Boot(testnet.GuestConfig{
		Name: "vmxnet3", Kernel: testnet.Full, Memory: 512, Files: files,
		Modules: []string{"tun", "sch_ingress", "cls_bpf"}, NICs: []testnet.NIC{{Tap: "up0", Model: "vmxnet3"}},
	})}
	m.Run("ip link set eth0 up")
	m.lro("on", "at first")
	if out := m.Run("ubridge doctor --uplink eth0"); !strings.Contains(out, "on: it is turned off while a network uses the NIC") {
		t.Errorf("doctor says\n%s", out)
	}
	m.daemon()
	m.Run("ubridge net create lan --mode bridge --uplink eth0")
	m.lro("off", "while the network runs")
	m.Run("ubridge net stop lan")
	m.lro("on", "after net stop")

	m.Run("ubridge net start lan")
	m.Run("kill -9 $(pidof ubridge)")
	m.lro("off", "while the daemon is dead")
	m.daemon()
	m.lro("off", "while it runs again")
	m.Run("ubridge net stop lan")
	m.lro("on", "after a crash and net stop")

	m.Run("ubridge net start lan")
	m.Run("ethtool -K eth0 lro on")
	m.lro("off", "after somebody turned it on")
	m.Run("kill -9 $(pidof ubridge); ubridge net restore eth0")
	m.lro("on", "after a crash and net restore")
}
