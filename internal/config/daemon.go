package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
)

// Paths on a user's host.
const (
	DefaultFile       = "/etc/ubridge/ubridge.toml"
	DefaultStateDir   = "/var/lib/ubridge"
	DefaultRuntimeDir = "/run/ubridge"
	DefaultSocket     = DefaultRuntimeDir + "/" + socketName
	DefaultGroup      = "ubridge"

	// DefaultHelperSocket is where ubridge-bridge-helper asks.
	DefaultHelperSocket = DefaultRuntimeDir + "/" + helperName
	// DefaultHelperACL says who may.
	DefaultHelperACL = "/etc/ubridge/" + helperACL

	socketName  = "ubridge.sock"
	networksDir = "networks.d"
	helperName  = "helper.sock"
	helperACL   = "bridge.conf"
)

// Steering says how the host's own stack is kept off guests' packets.
type Steering string

// Ways of steering.
const (
	SteeringAuto Steering = "auto" // eBPF, or nftables where the kernel refuses eBPF
	SteeringBPF  Steering = "bpf"  // eBPF or nothing
	SteeringNFT  Steering = "nft"  // nftables, although a ruleset flush removes it
)

// Bounds of nat.sessions and its default. A session takes 120 bytes while it is
// live.
const (
	DefaultSessions = 1 << 18
	minSessions     = 1 << 10
	maxSessions     = 1 << 24
)

// Daemon is the checked configuration of the daemon. All paths are absolute or
// relative to the working directory.
type Daemon struct {
	LogLevel    slog.Level
	StateDir    string // leases, definitions, ports
	RuntimeDir  string // socket, lock, state on tmpfs
	Socket      string // empty: in the runtime directory, see SocketPath
	SocketGroup string // may use the socket, where the group exists
	NetworksDir string // the administrator's networks, only read
	Steering    Steering
	FastPath    FastPath // of networks whose definition does not say
	Workers     int      // threads that forward; 0: chosen from the CPUs
	WorkerCPUs  []int    // the CPUs that they are bound to, one each; empty: not bound
	Realtime    bool     // they take precedence over ordinary threads while they are loaded
	Sessions    int      // NAT flows of all networks together, nat.sessions

	Helper    Helper // ubridge-bridge-helper
	StatusDir string // of libvirt's .status and .macs files; empty: in the runtime directory, see LibvirtStatus

	File string // where it was read; empty: nothing but defaults
}

// Bounds of helper.taps_per_user, and its default.
const (
	DefaultHelperTaps = 64
	maxHelperTaps     = 1024
)

// Helper is how unprivileged users attach guests by ubridge-bridge-helper.
type Helper struct {
	Enabled bool
	ACL     string // file that says who may use which network
	Taps    int    // that one user may have at once
}

// Load reads the daemon's configuration. A path in the file is relative to the
// file. With path empty it reads DefaultFile, or takes the defaults where that
// does not exist; a file that was asked for must exist (fs.ErrNotExist).
func Load(path string) (Daemon, error) {
	asked := path != ""
	if !asked {
		path = DefaultFile
	}
	doc, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		d := defaultDaemon(path)
		d.File = ""
		return d, nil
	}
	if err != nil {
		return Daemon{}, fmt.Errorf("configuration: %w", err)
	}
	return parseDaemon(path, doc)
}

func defaultDaemon(path string) Daemon {
	return Daemon{
		LogLevel:    slog.LevelInfo,
		StateDir:    DefaultStateDir,
		RuntimeDir:  DefaultRuntimeDir,
		SocketGroup: DefaultGroup,
		NetworksDir: filepath.Join(filepath.Dir(path), networksDir),
		Steering:    SteeringAuto,
		FastPath:    DefaultFastPath,
		Realtime:    true,
		Sessions:    DefaultSessions,
		Helper:      Helper{Enabled: true, ACL: filepath.Join(filepath.Dir(path), helperACL), Taps: DefaultHelperTaps},
		File:        path,
	}
}

func parseDaemon(path string, doc []byte) (Daemon, error) {
	var raw rawDaemon
	f, err := decode(path, doc, &raw)
	if err != nil {
		return Daemon{}, err
	}
	d := defaultDaemon(path)
	f.logLevel("log_level", raw.LogLevel, &d.LogLevel)
	f.path("state_dir", raw.StateDir, &d.StateDir)
	f.path("runtime_dir", raw.RuntimeDir, &d.RuntimeDir)
	f.path("socket", raw.Socket, &d.Socket)
	f.text("socket_group", raw.SocketGroup, &d.SocketGroup)
	f.path("networks_dir", raw.NetworksDir, &d.NetworksDir)
	f.steering("steering", raw.Steering, &d.Steering)
	f.fastPath("fastpath", raw.FastPath, &d.FastPath)
	f.integer("workers", raw.Workers, &d.Workers, 0, maxWorkers)
	f.cpus("worker_cpus", raw.WorkerCPUs, &d)
	set(raw.Realtime, &d.Realtime)
	f.integer("nat.sessions", raw.NAT.Sessions, &d.Sessions, minSessions, maxSessions)
	set(raw.Helper.Enabled, &d.Helper.Enabled)
	f.path("helper.acl", raw.Helper.ACL, &d.Helper.ACL)
	f.integer("helper.taps_per_user", raw.Helper.Taps, &d.Helper.Taps, 1, maxHelperTaps)
	f.path("libvirt.status_dir", raw.Libvirt.StatusDir, &d.StatusDir)
	if filepath.Clean(d.NetworksDir) == d.StateNetworks() {
		f.add("networks_dir", "use another directory", "%s is the daemon's own", d.NetworksDir)
	}
	return d, f.err()
}

// path reads a path that is relative to the file.
func (f *faults) path(key string, raw *string, to *string) {
	if raw == nil {
		return
	}
	f.text(key, raw, to)
	if !filepath.IsAbs(*to) {
		*to = filepath.Join(filepath.Dir(f.file), *to)
	}
}

func (f *faults) logLevel(key string, raw *string, to *slog.Level) {
	if raw == nil {
		return
	}
	switch *raw {
	case "debug", "info", "warn", "error":
		_ = to.UnmarshalText([]byte(*raw)) // one of its own four names
	default:
		f.add(key, "use debug, info, warn or error", "there is no level %q", *raw)
	}
}

func (f *faults) steering(key string, raw *string, to *Steering) {
	set((*Steering)(raw), to)
	switch *to {
	case SteeringAuto, SteeringBPF, SteeringNFT:
	default:
		f.add(key, "use auto, bpf or nft", "there is no way named %q", *to)
	}
}

// maxWorkers is dataplane.MaxWorkers.
const maxWorkers = 64

// maxCPU is the highest number that sched_setaffinity(2) takes here.
const maxCPU = 1023

// cpus reads the CPUs that workers are bound to. Where the number of workers is
// left open, there is one for each.
func (f *faults) cpus(key string, raw []int64, d *Daemon) {
	for _, c := range raw {
		if c < 0 || c > maxCPU || slices.Contains(d.WorkerCPUs, int(c)) {
			f.add(key, "use numbers that /proc/cpuinfo lists, each once", "CPU %d is out of range or given twice", c)
			return
		}
		d.WorkerCPUs = append(d.WorkerCPUs, int(c))
	}
	if n := len(d.WorkerCPUs); n > 0 && d.Workers == 0 {
		d.Workers = min(n, maxWorkers)
	} else if n > 0 && d.Workers != n {
		f.add(key, "give as many CPUs as workers, or leave workers out", "%d CPUs for %d workers", n, d.Workers)
	}
}

// Override gives the configuration with what the command line sets; an empty
// string leaves the file's value.
func (d Daemon) Override(stateDir, runtimeDir, socket string, fast FastPath) Daemon {
	if stateDir != "" {
		d.StateDir = stateDir
	}
	if runtimeDir != "" {
		d.RuntimeDir = runtimeDir
	}
	if socket != "" {
		d.Socket = socket
	}
	if fast != "" {
		d.FastPath = fast
	}
	return d
}

// SocketPath is the control socket's path.
func (d Daemon) SocketPath() string {
	if d.Socket != "" {
		return d.Socket
	}
	return filepath.Join(d.RuntimeDir, socketName)
}

// StateNetworks is the directory of the definitions that the daemon keeps.
func (d Daemon) StateNetworks() string { return filepath.Join(d.StateDir, "networks") }

// HelperSocket is where ubridge-bridge-helper asks for taps.
func (d Daemon) HelperSocket() string { return filepath.Join(d.RuntimeDir, helperName) }

// LibvirtStatus is the directory of the files that libvirt's network driver would
// write.
func (d Daemon) LibvirtStatus() string {
	if d.StatusDir != "" {
		return d.StatusDir
	}
	return filepath.Join(d.RuntimeDir, "libvirt")
}
