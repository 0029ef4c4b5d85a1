package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/testnet"
)

// stepEnv makes the test binary a daemon that dies, or fails, after a step: it is
// "kill STEP" or "fail STEP" or "run". classicEnv, if it is set, has it do as on a
// kernel without tcx.
const stepEnv, classicEnv = "UBRIDGE_TEST_STEP", "UBRIDGE_TEST_CLASSIC"

func TestMain(m *testing.M) {
	if what := os.Getenv(stepEnv); what != "" {
		os.Exit(runToStep(what))
	}
	os.Exit(m.Run())
}

// runToStep is the daemon of the files of its first argument.
func runToStep(what string) int {
	how, at, _ := strings.Cut(what, " ")
	stepDone = func(name string) error {
		switch {
		case name != at:
			return nil
		case how == "kill":
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return errors.New("injected after " + name)
	}
	shareClassic = os.Getenv(classicEnv) != ""
	cfg, err := stepConfig(os.Args[1])
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		err = Run(ctx, Options{
			Config: cfg, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), ResolvConf: "/dev/null",
			Ready: func(api.Backend) { fmt.Println("ready") },
		})
	}
	if err != nil {
		fmt.Println("ended:", err)
		return 1
	}
	return 0
}

func stepConfig(dir string) (config.Daemon, error) {
	cfg, err := config.Load(filepath.Join(dir, "ubridge.toml"))
	return cfg.Override(filepath.Join(dir, "state"), "", "", ""), err
}

// steps of a start and of a stop, in order.
var (
	startingSteps = []string{"programs", "record", "table", "helper", "bridge", "nic", "handover"}
	stoppingSteps = []string{"alone", "closed", "unshared", "gone"}
)

// stepBed is a host with a NIC on a LAN.
type stepBed struct {
	*testing.T
	lab       *testnet.Lab
	host, lan *testnet.NS
	dir       string
	before    string
	classic   bool
}

func newStepBed(t *testing.T, classic bool) *stepBed {
	testnet.Require(t, "ping", "tc")
	b := &stepBed{T: t, classic: classic, lab: testnet.New(t, "steps")}
	b.host, b.lan = b.lab.NS("host"), b.lab.NS("lan")
	b.lab.Veth(b.host, "eth0", b.lan, "eth0")
	b.host.Addr("eth0", "10.9.0.2/24")
	b.lan.Addr("eth0", "10.9.0.1/24")
	b.dir = filepath.Join(b.lab.Dir(), "d")
	for name, text := range map[string]string{
		"ubridge.toml": fmt.Sprintf("%s\nruntime_dir = %q\n", testnet.DaemonConfig(), testnet.RuntimeDir(t)), "networks.d/lan.toml": "mode = 'bridge'\nuplink = 'eth0'\nautostart = true\n",
	} {
		path := filepath.Join(b.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	b.before = b.state()
	return b
}

// state is all that a network of mode bridge could leave behind.
func (b *stepBed) state() string {
	b.Helper()
	return b.host.Run("sh", "-c", `ip -d link | sed 's/^[0-9]*: //'; ip addr show dev eth0; tc qdisc show; tc filter show dev eth0 egress; tc filter show dev eth0 ingress`)
}

// wantRestored compares with the state at first.
func (b *stepBed) wantRestored(when string) {
	b.Helper()
	if diff := cmp.Diff(b.before, b.state()); diff != "" {
		b.Errorf("%s is left, before - after +:\n%s", when, diff)
	}
}

// run starts a daemon that dies or fails as told, and waits for its end; one that
// is to stop is told so once it is ready.
func (b *stepBed) run(what string, stop bool) *testnet.Proc {
	b.Helper()
	env := []string{"env", stepEnv + "=" + what}
	if b.classic {
		env = append(env, classicEnv+"=yes")
	}
	p := b.host.Start(append(env, os.Args[0], b.dir)...)
	if stop {
		p.WaitFor("ready", 20*time.Second)
		if b.state() == b.before {
			b.Error("a shared NIC looks as one that is not: the test proves nothing")
		}
		p.Signal(syscall.SIGTERM)
	}
	_ = p.Wait(20 * time.Second)
	return p
}

// TestEveryStepIsSafe kills the daemon after every step of starting and stopping
// a network of mode bridge, and fails each start there: the host's pings go on,
// net restore or the next daemon leaves the NIC as it was, and a start that failed
// does so by itself. Where clsact filters have to do, the moment in which the qdisc
// comes or goes may cost a packet.
func TestEveryStepIsSafe(t *testing.T) {
	for name, classic := range map[string]bool{"tcx": false, "clsact": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyStepIsSafe(newStepBed(t, classic))
		})
	}
}

func everyStepIsSafe(b *stepBed) {
	ping := b.lan.Start("ping", "-n", "-i", "0.01", "10.9.0.2")
	for _, at := range startingSteps {
		p := b.run("fail "+at, false)
		if !strings.Contains(p.Output(), "injected after "+at) {
			b.Errorf("step %s: %s", at, p.Output())
		}
		b.wantRestored("after failing at " + at)
	}
	for i, at := range append(startingSteps, stoppingSteps...) {
		p := b.run("kill "+at, i >= len(startingSteps))
		if strings.Contains(p.Output(), "ended") {
			b.Errorf("step %s: %s", at, p.Output())
		}
		if left := strings.Contains(b.state(), "ubridge-share"); at == "handover" && left != b.classic {
			b.Errorf("a killed daemon leaves a filter: %v", left)
		}
		if i%2 == 0 {
			b.restore(at)
		} else {
			b.run("run", true)
		}
		b.wantRestored("after a kill at " + at)
	}
	if !b.classic {
		b.wantNoneLost(ping)
	}
}

// restore is net restore, twice.
func (b *stepBed) restore(at string) {
	b.Helper()
	cfg, err := stepConfig(b.dir)
	for range 2 {
		err = errors.Join(err, b.host.Do(func() error {
			_, err := RestoreNIC(cfg, "eth0")
			return err
		}))
	}
	if err != nil {
		b.Errorf("net restore after a kill at %s: %v", at, err)
	}
}

// wantNoneLost requires an answer to each ping but the last ones.
func (b *stepBed) wantNoneLost(ping *testnet.Proc) {
	b.Helper()
	ping.Signal(syscall.SIGINT)
	_ = ping.Wait(20 * time.Second)
	next := 1
	for _, m := range regexp.MustCompile(`icmp_seq=(\d+)`).FindAllStringSubmatch(ping.Output(), -1) {
		if n, _ := strconv.Atoi(m[1]); n != next {
			b.Errorf("ping %d was answered after %d", n, next-1)
			next = n
		}
		next++
	}
	if next < 50 {
		b.Errorf("%d pings only", next)
	}
}
