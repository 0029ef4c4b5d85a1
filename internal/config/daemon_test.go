package config

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, path, doc string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadResolvesPathsBesideTheFile(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir+"/u.toml", "log_level='debug'\nstate_dir='state'\nsocket='/tmp/x.sock'\nsocket_group='kvm'\nsteering='nft'\nfastpath='kernel'\nworker_cpus=[1, 0]\nworker_realtime=false\nnat.sessions=1048576\nhelper.taps_per_user=3\nlibvirt.status_dir='s'\n")
	got, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	want := Daemon{
		LogLevel: slog.LevelDebug, StateDir: dir + "/state", RuntimeDir: DefaultRuntimeDir, Socket: "/tmp/x.sock",
		SocketGroup: "kvm", NetworksDir: dir + "/networks.d", Steering: SteeringNFT, FastPath: FastPathKernel, Sessions: 1 << 20, File: file,
		Workers: 2, WorkerCPUs: []int{1, 0}, StatusDir: dir + "/s",
		Helper: Helper{Enabled: true, ACL: dir + "/bridge.conf", Taps: 3},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoadWithoutTheFile(t *testing.T) {
	if _, err := Load(t.TempDir() + "/none.toml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that was asked for: %v", err)
	}
}

func TestLoadFaults(t *testing.T) {
	file := write(t, t.TempDir()+"/u.toml", "log_level='loud'\nnetworks_dir='/var/lib/ubridge/networks'\nsteering='xdp'\nfastpath='fast'\n[nat]\nsessions=1000\n")
	_, err := Load(file)
	wantFaults(t, err, []string{
		`u.toml:1: log_level: there is no level "loud"; use debug, info, warn or error`,
		`u.toml:3: steering: there is no way named "xdp"; use auto, bpf or nft`,
		`u.toml:4: fastpath: there is no fast path named "fast"; use off, auto or kernel`,
		"u.toml:6: nat.sessions: 1000 is out of range; use 1024 to 16777216",
		"u.toml:2: networks_dir: /var/lib/ubridge/networks is the daemon's own",
	})
}

func TestLoadWorkerFaults(t *testing.T) {
	for doc, want := range map[string]string{
		"workers=65":                    "u.toml:1: workers: 65 is out of range; use 0 to 64",
		"workers=-1":                    "u.toml:1: workers: -1 is out of range; use 0 to 64",
		"worker_cpus=[0, 0]":            "u.toml:1: worker_cpus: CPU 0 is out of range or given twice; use numbers that /proc/cpuinfo lists, each once",
		"workers=2\nworker_cpus=[0]":    "u.toml:2: worker_cpus: 1 CPUs for 2 workers; give as many CPUs as workers, or leave workers out",
		"worker_cpus=[1024]\nworkers=1": "u.toml:1: worker_cpus: CPU 1024 is out of range or given twice; use numbers that /proc/cpuinfo lists, each once",
	} {
		_, err := Load(write(t, t.TempDir()+"/u.toml", doc))
		wantFaults(t, err, []string{want})
	}
}

func TestOverrideMovesTheSocketWithTheRuntimeDir(t *testing.T) {
	d := defaultDaemon(DefaultFile)
	if d.SocketPath() != DefaultSocket {
		t.Errorf("default socket %s", d.SocketPath())
	}
	if got := d.Override("", "/x", "", "").SocketPath(); got != "/x/ubridge.sock" {
		t.Errorf("socket of --runtime-dir: %s", got)
	}
	if got := d.Override("/s", "/x", "/y.sock", ""); got.SocketPath() != "/y.sock" || got.StateNetworks() != "/s/networks" {
		t.Errorf("overridden: %+v", got)
	}
}

func TestLoadDir(t *testing.T) {
	dir := t.TempDir()
	if got, err := LoadDir(dir + "/none"); got != nil || err != nil {
		t.Errorf("no directory: %v, %v", got, err)
	}
	write(t, dir+"/b.toml", "autostart = false")
	write(t, dir+"/a.toml", "")
	write(t, dir+"/.#a.toml", "broken")
	write(t, dir+"/a.toml~", "broken")
	write(t, dir+"/d.toml/x", "")
	got, err := LoadDir(dir)
	if err != nil || len(got) != 2 || got[0].Name != "a" || !got[0].Autostart || got[1].Autostart || got[1].Origin.File != dir+"/b.toml" {
		t.Fatalf("%+v, %v", got, err)
	}
	write(t, dir+"/bad one.toml", "")
	write(t, dir+"/c.toml", "mode='bridge'")
	got, err = LoadDir(dir)
	if err == nil || len(got) != 2 || len(strings.Split(err.Error(), "\n")) != 2 {
		t.Errorf("%d networks beside %v", len(got), err)
	}
}

func TestLoadRefusesHugeFiles(t *testing.T) {
	file := write(t, t.TempDir()+"/u.toml", strings.Repeat("#", MaxFile+1))
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Error(err)
	}
}
