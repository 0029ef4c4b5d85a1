package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"ubridge/dataplane"
	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/gateway"
	"ubridge/internal/hostnet/links"
	"ubridge/internal/hostnet/nexthop"
	"ubridge/internal/hostnet/steer"
	"ubridge/internal/shm"
)

// Options are what Run is told beyond the configuration.
type Options struct {
	Config  config.Daemon
	Version string
	Log     *slog.Logger

	// ResolvConf is followed for the host's resolvers; empty for
	// /etc/resolv.conf.
	ResolvConf string

	// Ready is called once everything runs, with the daemon's own Backend.
	Ready func(api.Backend)
}

// Daemon is a running daemon.
type Daemon struct {
	opts    Options
	cfg     config.Daemon
	log     *slog.Logger
	clock   dataplane.Clock
	started time.Time
	ctx     context.Context

	lock   *lock
	tables string    // directory of the mapped files
	flows  *shm.File // NAT sessions and mappings
	steer  *steer.Steering
	router *gateway.Router
	worker *dataplane.Worker
	out    wayOut
	held   portPool

	adoption adoption
	fast     fastPath

	mu    sync.Mutex // guards what follows
	state *state
	defs  map[string]definition
	nets  map[string]*network // running

	events     bus
	unfinished *journal // of a change that a dead daemon did not finish; nil: none

	// unattended says that networks start by themselves: one whose NIC is not
	// there yet waits for it.
	unattended bool
}

// Run runs a daemon until ctx is cancelled, and then takes everything off the
// host that it made. Errors name what is missing and the fix.
func Run(ctx context.Context, opts Options) (err error) {
	if err := checkPrivileges(); err != nil {
		return err
	}
	if opts.ResolvConf == "" {
		opts.ResolvConf = "/etc/resolv.conf"
	}
	d := &Daemon{opts: opts, cfg: opts.Config, log: opts.Log, clock: dataplane.NewClock(), started: time.Now(), nets: map[string]*network{}, adoption: newAdoption()}
	var done undo
	defer func() { err = errors.Join(err, done.run()) }()
	if err := d.prepare(&done); err != nil {
		return err
	}
	listener, err := api.Listen(d.cfg.SocketPath(), d.cfg.SocketGroup)
	if err != nil {
		return err
	}
	done.add(func() error { return ignoreClosed(listener.Close()) })
	return d.serve(ctx, listener, &done)
}

// prepare takes the lock and reads what is to be run.
func (d *Daemon) prepare(done *undo) (err error) {
	for _, dir := range []string{d.cfg.StateDir, d.cfg.StateNetworks(), filepath.Join(d.cfg.StateDir, "leases")} {
		if err := makeDir("state directory", dir, 0o700); err != nil {
			return err
		}
	}
	if err := makeDir("runtime directory", d.cfg.RuntimeDir, 0o755); err != nil {
		return err
	}
	if d.lock, err = takeLock(d.cfg.StateDir); err != nil {
		return err
	}
	done.add(d.lock.release)
	if err := d.recall(); err != nil {
		return err
	}
	if err := d.recoverChange(); err != nil {
		return err
	}
	if err := d.loadDefinitions(); err != nil {
		return err
	}
	return d.openDataplane(done)
}

// recall reads what earlier runs remember of this host.
func (d *Daemon) recall() error {
	boot, err := bootID()
	if err != nil {
		return err
	}
	if d.state, err = loadState(filepath.Join(d.cfg.StateDir, "state.json"), boot); err != nil {
		return err
	}
	d.out.path = filepath.Join(d.cfg.StateDir, "uplinks.json")
	if d.state.rebooted {
		return nil // the devices of the records are others now
	}
	return d.out.load()
}

// serve runs everything until ctx is cancelled.
func (d *Daemon) serve(ctx context.Context, listener *api.Listener, done *undo) error {
	// What stops comes in order: the API first, then networks, then the worker.
	// So goroutines hang off contexts of their own, not off ctx.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	done.add(func() error { stop(); tasks.Wait(); return nil })
	d.ctx = running
	tasks.Go(func() { d.ended("dataplane", d.worker.Run(running)) })

	watch, err := d.followHost(&tasks, running)
	if err != nil {
		return err
	}
	done.add(d.stopAll)
	d.planFast()
	d.resumeUplinks(running)
	if err := d.startNetworks(running); err != nil {
		return err
	}
	if device, _ := d.defaultUplink(); device == "" {
		d.log.Warn("the host has no IPv4 default route: guests reach the host and each other; a route is followed when it comes")
	}
	tasks.Go(func() { d.ended("device watch", watch.Run(running, d.linksChanged)) })
	tasks.Go(func() { d.watchRings(running) })
	tasks.Go(func() { d.keepStations(running) })
	tasks.Go(func() { d.awaitFast(running) })
	tasks.Go(func() { d.gatherWorkers(running) })
	tasks.Go(func() { d.ended("watchdog", d.feedWatchdog(running)) })
	tasks.Go(func() { d.runAdoption(running) })

	defer context.AfterFunc(ctx, d.events.close)() // or streams of events would hold up the API's end
	apiCtx, stopAPI := context.WithCancel(running)
	defer stopAPI()
	if err := d.serveHelper(apiCtx, listener, &tasks); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- api.Serve(apiCtx, listener, backend{d}) }()
	if d.opts.Ready != nil {
		d.opts.Ready(backend{d})
	}
	d.notify(d.ready())
	select {
	case <-ctx.Done():
		d.notify(systemd.SdNotifyStopping)
		stopAPI()
		return <-served
	case err := <-served:
		return err
	}
}

// openDataplane makes the worker and what it needs from the kernel.
func (d *Daemon) openDataplane(done *undo) (err error) {
	dir, note, err := shm.Dir(d.cfg.RuntimeDir)
	if err != nil {
		return err
	}
	if note != "" {
		d.log.Info("flows and stations are kept elsewhere", "directory", dir, "because", note)
	}
	d.tables = dir
	if d.held, err = choosePool(d.defs); err != nil {
		return err
	}
	done.add(func() error { return d.held.close() }) // after keepPool, which adds to it, has ended
	if err := d.openSteering(done); err != nil {
		return err
	}
	table, err := d.openFlows(done)
	if err != nil {
		return err
	}
	d.out.questions = make(chan question, questionRoom)
	d.out.resolving = newResolving()
	d.out.uplinks = map[int]*uplink{}
	d.out.scope.Store(scopeOf(nil))
	d.out.moved = make(chan struct{}, 1)
	d.router = gateway.NewRouter(gateway.Config{NAT: table, Resolve: d.out.ask, Local: d.out.local})
	return d.makeWorkers()
}

// makeWorkers makes the dataplane with as many workers as the configuration
// says.
func (d *Daemon) makeWorkers() (err error) {
	n := d.cfg.Workers
	if n == 0 {
		n = dataplane.AutoWorkers()
	}
	if d.worker, err = dataplane.NewWorker(d.router, n); err != nil {
		return err
	}
	d.worker.SetRealtime(d.cfg.Realtime)
	if err := d.worker.Pin(d.cfg.WorkerCPUs); err != nil {
		return fmt.Errorf("worker_cpus: %w", err)
	}
	return nil
}

// openSteering loads what keeps the host's stack quiet.
func (d *Daemon) openSteering(done *undo) (err error) {
	pool := d.held.pool
	d.steer, err = steer.Open(steer.Options{ForceNFT: d.cfg.Steering == config.SteeringNFT, First: pool.First, Last: pool.Last})
	if err != nil {
		return fmt.Errorf("keep the host's stack quiet: %w", err)
	}
	done.add(d.steer.Close)
	d.fast.init()
	done.add(d.closeFast)
	switch why := d.steer.Fallback(); {
	case why != nil && d.cfg.Steering == config.SteeringBPF:
		return fmt.Errorf("keep the host's stack quiet: %w: allow it, or set steering = \"auto\" in the configuration", why)
	case why != nil:
		d.log.Warn("nftables stands in for eBPF: `nft flush ruleset` on this host would break guests' connections", "because", why)
	}
	return nil
}

// followHost starts what keeps the daemon in step with the host's routing.
func (d *Daemon) followHost(tasks *sync.WaitGroup, ctx context.Context) (*links.Watch, error) {
	follower, err := nexthop.Open(nexthop.Options{
		Changed: func() {
			d.worker.Post(func(*dataplane.Worker) { d.router.RoutingChanged() })
			d.out.routesMoved()
		},
		LocalChanged: d.dropLostAddresses,
	})
	if err != nil {
		return nil, err
	}
	d.out.follower = follower
	var users sync.WaitGroup
	users.Go(func() { d.ended("routing", follower.Run(ctx)) })
	users.Go(func() { d.runWayOut(ctx) })
	users.Go(func() { d.keepPool(ctx) })
	users.Go(func() { d.followEntries(ctx) })
	tasks.Go(func() { users.Wait(); d.ended("routing", follower.Close()) })
	return links.Open()
}

// ended logs a task that ended in error.
func (d *Daemon) ended(task string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		d.log.Error("task ended", "task", task, "err", err)
	}
}

// startNetworks starts the networks that are to run. One that cannot start is
// said and left out; if none can, that is the daemon's error.
func (d *Daemon) startNetworks(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.dropUnfinished(); err != nil {
		return err
	}
	d.unattended = true
	defer func() { d.unattended = false }()
	resumed, err := d.transients()
	if err != nil {
		d.log.Error("a transient network is not resumed", "err", err)
	}
	var errs []error
	for _, def := range slices.Concat(resumed, d.toStart()) {
		if err := d.startNetwork(ctx, def); err != nil {
			d.log.Error("network is not started", "network", def.Name, "err", err)
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 && len(d.nets) == 0 {
		return errors.Join(errs...)
	}
	d.ended("state", errors.Join(d.unshareStrays(), d.keepFast(), d.state.save()))
	d.setPolicy()
	return nil
}

// toStart are the defined networks that are to run, in the order of their start.
func (d *Daemon) toStart() (list []config.Network) {
	for _, name := range d.startOrder() {
		def := d.defs[name]
		if def.Autostart || d.crashed() && d.state.network(name).Running {
			list = append(list, d.asItRan(def.Network))
		}
	}
	return list
}

// startOrder has the networks that name their subnet come first: those that do
// not then take one that is still free.
func (d *Daemon) startOrder() []string {
	pinned := map[bool][]string{}
	for _, name := range sortedNames(d.defs) {
		p := d.defs[name].Network.Pinned()
		pinned[p] = append(pinned[p], name)
	}
	return slices.Concat(pinned[true], pinned[false])
}

// crashed reports whether the last run ended without a clean stop: its flows
// were still there.
func (d *Daemon) crashed() bool { return d.flows.Resumed() }

// stopAll takes everything off the host that the daemon made. It remembers which
// networks ran only after a crash; a clean stop leaves that to autostart.
func (d *Daemon) stopAll() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, name := range sortedNames(d.nets) {
		errs = append(errs, d.stopNetwork(d.nets[name]), d.endTransient(name))
	}
	errs = append(errs, d.restoreStrays(), d.stopUplinks(), d.removeFilesDir(), d.flows.Remove())
	if d.tables != d.cfg.RuntimeDir {
		errs = append(errs, shm.RemoveDir(d.tables))
	}
	return errors.Join(errs...)
}

// restoreStrays puts devices back that a dead daemon attached for a network that
// did not run this time.
func (d *Daemon) restoreStrays() error {
	var errs []error
	for _, p := range d.state.Ports {
		errs = append(errs, d.letGo(p))
	}
	errs = append(errs, d.unshareStrays())
	return errors.Join(append(errs, d.state.save())...)
}

// random fills b from the kernel's generator, which cannot fail.
func (d *Daemon) random(b []byte) { _, _ = rand.Read(b) }

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
