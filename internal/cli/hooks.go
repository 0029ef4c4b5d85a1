package cli

import (
	"context"
	"io"

	"ubridge/internal/api"
)

// Hooks are the verbs that are not answered by a running daemon. A hook that is
// nil makes its verb fail with a clear error.
type Hooks struct {
	// Run is the daemon: it returns nil after a clean stop, which the end of
	// ctx asks for.
	Run func(ctx context.Context, o RunOptions) error
	// Demo is the tour; it returns nil only if each step worked.
	Demo func(ctx context.Context, o DemoOptions) error
	// Bench measures ubridge beside its peers.
	Bench func(ctx context.Context, o BenchOptions) error
	// BenchHelper plays a part of the bench in a process of its own.
	BenchHelper func(ctx context.Context, out io.Writer, args []string) error
	// Restore puts a NIC back as it was where no daemon runs.
	Restore func(o RestoreOptions) (api.Restored, error)
	// Doctor checks this host without a daemon.
	Doctor func(ctx context.Context) []api.Check
	// DoctorUplink checks a NIC of this host without a daemon.
	DoctorUplink func(ctx context.Context, r api.UplinkRequest) ([]api.Check, error)
	// SetMaster puts a device into a kernel bridge, as libvirt has it.
	SetMaster func(device, bridge string) error
}

// RunOptions are what `ubridge run` was given. Empty paths were not given.
type RunOptions struct {
	Config     string // --config
	StateDir   string // --state-dir
	RuntimeDir string // --runtime-dir
	Socket     string // --socket or UBRIDGE_SOCKET
	FastPath   string // --fastpath; empty: not given

	// Log is where the daemon's log goes; it gets along with the live line.
	Log io.Writer
	// Ready is called once, when the networks that start by themselves have
	// started, and prints what a user does next.
	Ready func(networks []api.NetworkInfo)
	// Status shows the live line; the daemon calls it about once a second. It
	// is nil where there is no terminal to show it on.
	Status func(s api.Status)
}

// RestoreOptions are what `ubridge net restore` was given.
type RestoreOptions struct {
	NIC      string
	Config   string // --config; empty: not given
	StateDir string // --state-dir; empty: not given
}

// DemoOptions are what `ubridge demo` was given.
type DemoOptions struct {
	Keep   bool      // leave the namespaces
	Clean  bool      // no tour: remove what kept ones have left
	Out    io.Writer // the tour's text
	Colour bool      // Out shows colours
}

// BenchOptions are what `ubridge bench` was given.
type BenchOptions struct {
	Full    bool     // --full
	Only    string   // --only
	Peers   []string // --peers
	Rounds  int      // --rounds; 0: not given
	Seconds float64  // --seconds; 0: not given
	List    bool     // --list
	JSON    string   // --json
	Out     string   // --out

	Stdout, Stderr io.Writer
}
