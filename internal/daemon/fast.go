package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"

	"ubridge/dataplane"
	"ubridge/fdb"
	"ubridge/internal/config"
	"ubridge/internal/hostnet/fastpath"
	"ubridge/internal/wire"
)

// fastPath is the kernel's fast path, of all networks together. Daemon.mu guards it,
// but for what is read while frames are learned.
type fastPath struct {
	path    *fastpath.Path // nil while no network has wanted it, or the kernel does not take it
	refused error          // why it does not
	coming  bool           // awaitFast will open it
	opened  chan struct{}  // closed when there is a path
	told    chan newStation
	missed  atomic.Bool // told had no room
	full    atomic.Bool // the kernel had none for a station

	// members are the ports that are on it. The map is replaced, not changed: workers
	// look into it.
	members atomic.Pointer[map[dataplane.PortID]fastMember]
	joining sync.Mutex // one replaces it at a time
}

// fastNetwork is a network's share of it.
type fastNetwork struct {
	mode  config.FastPath
	on    bool
	table *fdb.Table
	why   string // why it, or its host's port, is not on it though it was to be
}

// fastMember is a port that is on the fast path.
type fastMember struct {
	ifindex int
	kind    fastpath.Kind // Guest also for a NIC that is shared, and its helper
	down    bool          // its link: nothing is sent to it by the kernel, which would not count it
}

func (f *fastPath) init() {
	f.opened, f.told = make(chan struct{}), make(chan newStation, newStations)
	f.members.Store(&map[dataplane.PortID]fastMember{})
}

// join adds a port or changes it; the zero fastMember takes it off.
func (f *fastPath) join(id dataplane.PortID, m fastMember) {
	f.joining.Lock()
	defer f.joining.Unlock()
	list := maps.Clone(*f.members.Load())
	if list[id] = m; m.ifindex == 0 {
		delete(list, id)
	}
	f.members.Store(&list)
}

// device is the device of a port that is on the fast path, 0 for one that is not.
func (f *fastPath) device(id dataplane.PortID) int { return (*f.members.Load())[id].ifindex }

// receiver is the device to which the kernel may send for a port, 0 for none.
func (f *fastPath) receiver(id dataplane.PortID) int {
	if m := (*f.members.Load())[id]; !m.down {
		return m.ifindex
	}
	return 0
}

// wantFast decides whether a network that starts is on the fast path, and opens it for
// the first one that is.
func (d *Daemon) wantFast(n *network, table *fdb.Table) {
	n.fast = fastNetwork{mode: n.def.FastPathMode(d.cfg.FastPath), table: table}
	switch {
	case n.fast.mode == config.FastPathOff:
	case d.fast.coming:
		n.fast.why = fastComing
	default:
		d.enterFast(n)
	}
}

// enterFast puts a network on the fast path, if there is one, or says why not.
func (d *Daemon) enterFast(n *network) bool {
	n.fast.why = d.openFast()
	if n.fast.on = n.fast.why == ""; !n.fast.on {
		n.log.Log(d.ctx, n.fast.level(), "frames go by user space: no fast path", "because", n.fast.why)
	}
	return n.fast.on
}

// level is how loudly it is said that something is not on the fast path.
func (f *fastNetwork) level() slog.Level {
	if f.mode == config.FastPathKernel {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// openFast opens the fast path, once, and tells why there is none.
func (d *Daemon) openFast() (why string) {
	if d.fast.path == nil && d.fast.refused == nil {
		d.setFast(d.loadFast()())
	}
	if d.fast.refused != nil {
		return d.fast.refused.Error()
	}
	return ""
}

// setFast takes what came of loading the programs.
func (d *Daemon) setFast(path *fastpath.Path, err error) {
	d.fast.path, d.fast.refused = path, err
	if err == nil {
		d.log.Debug("fast path opened", "resumed", path.Resumed())
		close(d.fast.opened)
		d.fastOpened()
	}
}

// loadFast settles how the programs are to be loaded.
func (d *Daemon) loadFast() func() (*fastpath.Path, error) {
	if why := d.steer.Fallback(); why != nil {
		return func() (*fastpath.Path, error) { return nil, fmt.Errorf("nftables stands in for eBPF: %w", why) }
	}
	o, slow := fastpath.Options{Stations: d.fastStations(), Flows: d.cfg.Sessions, Device: d.fastDevice()}, d.steer.FilterFD()
	return func() (*fastpath.Path, error) { return fastpath.Open(o, slow) }
}

// minFastStations is room for networks that are defined later.
const minFastStations = 1 << 16

// fastStations is room for the stations of all networks.
func (d *Daemon) fastStations() (n int) {
	for _, def := range d.defs {
		n += tableEntries(def.Stations) / 2
	}
	return max(n, minFastStations)
}

// fastDevice is a device on which a daemon that was killed left its program; 0 for
// none.
func (d *Daemon) fastDevice() int {
	for _, p := range d.state.Ports {
		if p.Before != nil && p.Fast {
			return p.Before.Ifindex
		}
	}
	return 0
}

// closeFast releases the programs. What they were attached to has been let go of.
func (d *Daemon) closeFast() error {
	if d.fast.path == nil {
		return nil
	}
	return d.fast.path.Close()
}

// told is the dataplane's word that a station is new on a port of the network; nil for
// a network that is not to be on the fast path. It runs before the frame that told goes
// on: nothing is sent to where the station was any more.
func (d *Daemon) told(n *network) func(wire.MAC, dataplane.PortID) {
	if n.fast.mode == config.FastPathOff {
		return nil
	}
	f, id := &d.fast, n.st.ID
	return func(mac wire.MAC, on dataplane.PortID) {
		path := d.openedFast()
		if path == nil {
			return
		}
		_ = path.Forget(id, mac) // what fails is done again by tendStations
		if f.receiver(on) != 0 {
			f.tell(newStation{n: n, mac: mac, on: on})
		}
	}
}

// tell has a station put in when its port is quiet; it does not wait.
func (f *fastPath) tell(s newStation) {
	select {
	case f.told <- s:
	default:
		f.missed.Store(true)
	}
}

// addStations puts in the stations that are known behind a port.
func (d *Daemon) addStations(n *network, on dataplane.PortID) error {
	var errs []error
	n.fast.table.Walk(0, whole, d.clock.Now().Seconds(), func(s fdb.Station) {
		if s.Port == uint16(on) && !s.Static {
			errs = append(errs, d.addStation(n, s.MAC, on, false))
		}
	})
	return errors.Join(errs...)
}
