package testnet

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const prefix = "tn"

// named lists what iproute2 and the file system know under a lab's name.
func named(t *testing.T, l *Lab) []string {
	t.Helper()
	var found []string
	for _, dir := range []string{spacesDir, etcDir, os.TempDir()} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), l.id+"-") {
				found = append(found, dir+"/"+e.Name())
			}
		}
	}
	return found
}

func TestLabLeavesNothing(t *testing.T) {
	Require(t)
	var lab *Lab
	var background, daemon int
	t.Run("lab", func(t *testing.T) {
		lab = New(t, prefix)
		a, b := lab.NS("a"), lab.NS("b")
		lab.Veth(a, "eth0", b, "eth0")
		background = a.Start("sleep", "1000").Pid()
		// What has left its parent is found by its namespace.
		daemon = atoi(t, strings.TrimSpace(a.Run("sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!")))
		if got := len(named(t, lab)); got != 5 { // two namespaces, their /etc, one directory
			t.Errorf("a living lab has %d names, want 5: %v", got, named(t, lab))
		}
	})
	if left := named(t, lab); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, pid := range []int{background, daemon} {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) && !zombie(pid) {
			t.Errorf("process %d lives on: %v", pid, err)
		}
	}
}

// zombie reports whether a process is dead and only waits for a parent that is
// not ours, which in a container may never look.
func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestVethCarriesPackets(t *testing.T) {
	Require(t, "ping")
	lab := New(t, prefix)
	a, b := lab.NS("a"), lab.NS("b")
	lab.Veth(a, "wire", b, "wire")
	a.Addr("wire", "10.9.0.1/24")
	b.Addr("wire", "10.9.0.2/24")
	a.Run("ping", "-c", "1", "-W", "2", "10.9.0.2")
	a.Addr("wire", "fd00::1/64")
	b.Addr("wire", "fd00::2/64")
	a.Run("ping", "-c", "1", "-W", "2", "fd00::2")
	if _, err := exec.Command("ip", "link", "show", "wire").Output(); err == nil {
		t.Error("the wire is in the root namespace")
	}
}

func TestDoRunsInsideAndReturns(t *testing.T) {
	Require(t)
	lab := New(t, prefix)
	ns := lab.NS("a")
	before, _ := os.Readlink("/proc/thread-self/ns/net")
	var inside string
	var names []string
	broken := errors.New("broken")
	err := ns.Do(func() error {
		inside, _ = os.Readlink("/proc/thread-self/ns/net")
		devices, err := net.Interfaces()
		if err != nil {
			return err
		}
		for _, d := range devices {
			names = append(names, d.Name)
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("Do returned %v, want its function's error", err)
	}
	if strings.Join(names, " ") != "lo" {
		t.Errorf("devices inside: %v, want lo alone", names)
	}
	after, _ := os.Readlink("/proc/thread-self/ns/net")
	if after != before || inside == before || inside == "" {
		t.Errorf("namespaces before, inside, after: %s, %s, %s", before, inside, after)
	}
}

func TestSysctlStaysInside(t *testing.T) {
	Require(t)
	lab := New(t, prefix)
	a, b := lab.NS("a"), lab.NS("b")
	a.Sysctl("net.ipv4.ip_forward", "1")
	b.Sysctl("net.ipv4.ip_forward", "0")
	a.Unpaced()
	if got := a.GetSysctl("net.ipv4.ip_forward") + b.GetSysctl("net.ipv4.ip_forward"); got != "10" {
		t.Errorf("ip_forward in a and b: %s, want 10", got)
	}
	if got := strings.TrimSpace(a.Run("cat", "/proc/sys/net/ipv4/tcp_congestion_control")); got != "reno" {
		t.Errorf("congestion control %s, want reno", got)
	}
	if got := sysctlPath("net.ipv4.conf.eth0/5.rp_filter"); got != "/proc/sys/net/ipv4/conf/eth0.5/rp_filter" {
		t.Errorf("path of a VLAN device's parameter: %s", got)
	}
}

func TestOffload(t *testing.T) {
	Require(t, "ethtool")
	lab := New(t, prefix)
	a, b := lab.NS("a"), lab.NS("b")
	lab.Veth(a, "wire", b, "wire")
	for _, on := range []bool{false, true} {
		a.Offload("wire", on)
		features := a.Run("ethtool", "-k", "wire")
		want := map[bool]string{true: "on", false: "off"}[on]
		for _, feature := range []string{"tx-checksumming", "tcp-segmentation-offload", "generic-segmentation-offload", "tx-udp-segmentation"} {
			if !strings.Contains(features, feature+": "+want) {
				t.Errorf("%s is not %s:\n%s", feature, want, features)
			}
		}
	}
}

func TestResolvConfIsTheirOwn(t *testing.T) {
	Require(t)
	ns := New(t, prefix).NS("a")
	if got := ns.Run("cat", "/etc/resolv.conf"); got != "" {
		t.Errorf("resolv.conf at first: %q, want it empty", got)
	}
	machine, err := os.ReadFile("/etc/resolv.conf")
	ns.Run("sh", "-c", "echo nameserver 10.9.0.9 >/etc/resolv.conf")
	if got := ns.Run("cat", "/etc/resolv.conf"); got != "nameserver 10.9.0.9\n" {
		t.Errorf("resolv.conf after a client wrote it: %q", got)
	}
	if now, _ := os.ReadFile("/etc/resolv.conf"); err == nil && string(now) != string(machine) {
		t.Error("the machine's resolv.conf has changed")
	}
}

func TestTryReportsOutputsAndExitCode(t *testing.T) {
	Require(t)
	ns := New(t, prefix).NS("a")
	out, err := ns.Try("sh", "-c", "echo good; echo bad >&2; exit 3")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || out != "good\n" {
		t.Fatalf("Try: %q, %v", out, err)
	}
	if !strings.Contains(err.Error(), "bad") {
		t.Errorf("the error does not quote standard error: %v", err)
	}
}

func TestProc(t *testing.T) {
	Require(t)
	ns := New(t, prefix).NS("a")

	obeys := ns.Start("sh", "-c", `trap 'echo bye; exit 0' TERM; echo listening on 53; while :; do sleep 0.05; done`)
	if m := obeys.WaitFor(`listening on (\d+)`, 5*time.Second); m[1] != "53" {
		t.Errorf("WaitFor found %q", m)
	}
	if err := obeys.Wait(time.Millisecond); !errors.Is(err, ErrTimeout) {
		t.Errorf("Wait on a running process: %v", err)
	}
	if err := obeys.Stop(); err != nil || !strings.Contains(obeys.Output(), "bye") {
		t.Errorf("Stop: %v, output %q", err, obeys.Output())
	}

	killed := ns.Start("sleep", "1000")
	killed.Kill()
	if killed.Running() || !errors.Is(syscall.Kill(killed.Pid(), 0), syscall.ESRCH) {
		t.Error("a killed process is there, or was not reaped")
	}

	fails := ns.Start("sh", "-c", "exit 4")
	var exit *exec.ExitError
	if err := fails.Wait(5 * time.Second); !errors.As(err, &exit) || exit.ExitCode() != 4 {
		t.Errorf("Wait on a failing process: %v", err)
	}
}

// fakeT records failures, and ends its goroutine as testing.T does.
type fakeT struct {
	T
	cleanups []func()
	fatal    chan string
}

func (f *fakeT) Fatalf(format string, args ...any) {
	f.fatal <- format
	exitGoroutine()
}
func (f *fakeT) Cleanup(fn func()) { f.cleanups = append(f.cleanups, fn) }

// attempt runs fn as a test of its own and returns how it failed, if it did.
func attempt(t *testing.T, fn func(T)) string {
	t.Helper()
	f := &fakeT{T: t, fatal: make(chan string, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn(f)
	}()
	<-done
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		f.cleanups[i]()
	}
	select {
	case reason := <-f.fatal:
		return reason
	default:
		return ""
	}
}

func TestFailuresAreFatal(t *testing.T) {
	Require(t)
	cases := map[string]func(T){
		"command fails":       func(t T) { New(t, prefix).NS("a").Run("false") },
		"output never comes":  func(t T) { New(t, prefix).NS("a").Start("sleep", "9").WaitFor("x", 50*time.Millisecond) },
		"process ends first":  func(t T) { New(t, prefix).NS("a").Start("true").WaitFor("x", time.Minute) },
		"no such command":     func(t T) { New(t, prefix).NS("a").Run("/no/such/command") },
		"never becomes true":  func(t T) { New(t, prefix).Eventually(time.Millisecond, "x", func() error { return errors.New("no") }) },
		"bad prefix":          func(t T) { New(t, "a-b") },
		"missing requirement": func(t T) { Require(t, "no-such-command") },
	}
	for name, fn := range cases {
		t.Run(name, func(t *testing.T) {
			if attempt(t, fn) == "" {
				t.Error("the test went on")
			}
		})
	}
}

func TestSweepRemovesOnlyTheDead(t *testing.T) {
	Require(t)
	lab := New(t, "tnsweep")
	alive := lab.NS("a")
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	name := mark + "tnsweep-" + itoa(gone.Process.Pid) + "-1-a"
	kept := mark + "tnsweep-kept" + itoa(gone.Process.Pid) + "-1-a"
	for _, n := range []string{name, kept} {
		if out, err := exec.Command("ip", "netns", "add", n).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		t.Cleanup(func() { _ = removeSpace(n) })
	}
	// A process of the dead lab, started by nobody we know.
	left := exec.Command("ip", "netns", "exec", name, "sleep", "1000")
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- left.Wait() }()
	lab.Eventually(5*time.Second, "the process is inside", func() error {
		if len(pidsInside(name)) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	if err := Sweep("tnsweep"); err != nil {
		t.Errorf("Sweep: %v", err)
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the process of a dead lab lives on")
		_ = left.Process.Kill()
	}
	for path, want := range map[string]bool{spacesDir + "/" + name: false, spacesDir + "/" + kept: true, alive.Path(): true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s after Sweep: %v, want it there: %v", path, err, want)
		}
	}
}

// TestChildrenDieWithTheirLab runs itself in another process, which is killed.
func TestChildrenDieWithTheirLab(t *testing.T) {
	Require(t)
	if os.Getenv("TESTNET_VICTIM") != "" {
		p := New(t, "tnvictim").NS("a").Start("sleep", "1000")
		os.Stdout.WriteString("pid " + itoa(p.Pid()) + "\n")
		time.Sleep(time.Minute)
		return
	}
	ns := New(t, prefix).NS("a")
	victim := ns.Start("env", "TESTNET_VICTIM=1", os.Args[0], "-test.run", "^TestChildrenDieWithTheirLab$", "-test.v")
	pid := atoi(t, victim.WaitFor(`pid (\d+)`, 20*time.Second)[1])
	victim.Kill()
	ns.Lab().Eventually(5*time.Second, "the child of a killed lab is gone", func() error {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) && !zombie(pid) {
			return errors.New("it is there")
		}
		return nil
	})
	if err := Sweep("tnvictim"); err != nil {
		t.Error(err)
	}
}

func TestKeepOutlivesTheTest(t *testing.T) {
	Require(t)
	var kept *NS
	var p *Proc
	t.Run("lab", func(t *testing.T) {
		lab := New(t, "tnkeep")
		lab.Keep()
		kept = lab.NS("a")
		p = kept.Start("sleep", "1000")
	})
	// It enters the namespace some time after it was started.
	for deadline := time.Now().Add(10 * time.Second); p.Running() && len(pidsInside(kept.Name)) != 1 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if !p.Running() || len(pidsInside(kept.Name)) != 1 {
		t.Error("the process of a kept lab is gone")
	}
	New(t, "tnkeep") // sweeps what is dead, and not this
	dir := kept.Lab().Dir()
	if _, err := os.Stat(dir); err != nil || !p.Running() {
		t.Errorf("a kept lab was swept: %v", err)
	}
	var seen []string
	removed, err := RemoveKept("tnkeep", func(dir string) error {
		seen = append(seen, dir)
		return nil
	})
	if err != nil || !slices.Equal(seen, []string{dir}) || !slices.Equal(removed, []string{kept.Name, filepath.Base(dir)}) {
		t.Errorf("removed %q, last seen %q, %v; want the namespace and the directory", removed, seen, err)
	}
	<-p.Done()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory of the removed lab: %v", err)
	}
	kept.Lab().spawner.stop()
}

func TestReleasedLabGoesWithTheTest(t *testing.T) {
	Require(t)
	var n *NS
	var p *Proc
	t.Run("lab", func(t *testing.T) {
		lab := New(t, "tnrelease")
		lab.Keep()
		n = lab.NS("a")
		p = n.Start("sleep", "1000")
		lab.Release()
	})
	for _, path := range []string{n.Path(), n.Lab().Dir()} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v, want it gone", path, err)
		}
	}
	if p.Running() {
		t.Error("the process of a released lab is still there")
	}
}

func TestCapture(t *testing.T) {
	Require(t, "ping", "tcpdump")
	lab := New(t, prefix)
	a, b := lab.NS("a"), lab.NS("b")
	lab.Veth(a, "wire", b, "wire")
	a.Addr("wire", "10.9.0.1/24")
	b.Addr("wire", "10.9.0.2/24")
	capture := b.Capture("wire")
	a.Run("ping", "-c", "3", "-i", "0.05", "-s", "100", "10.9.0.2")
	capture.Stop()
	if got := capture.Count("icmp[icmptype] == icmp-echo"); got != 3 {
		t.Errorf("%d echo requests captured, want 3", got)
	}
	for _, f := range capture.Frames("icmp") {
		if f.Len != 14+20+8+100 || len(f.Data) != f.Len || time.Since(f.Time).Abs() > time.Minute {
			t.Errorf("frame of %d bytes, %d captured, at %v", f.Len, len(f.Data), f.Time)
		}
	}
}
