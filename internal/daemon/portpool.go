package daemon

import (
	"context"
	"fmt"
	"maps"
	"syscall"
	"time"

	"ubridge/dataplane"
	"ubridge/internal/config"
	"ubridge/internal/hostnet"
	"ubridge/nat"
)

const (
	fewPorts = 1024      // a pool below this takes single ports from the start
	holdStep = 1024      // single ports taken at once
	maxHeld  = 12 * 1024 // single ports taken in all: 48 MiB of kernel memory for both protocols
	spareFDs = 1024      // descriptors that holders leave for everything else

	// The kernel does not tell of sockets that come, so the pool is looked at: a
	// second after the last look where ports were given out since then, which is
	// when a look pays; else seldom, since it lists all of the host's sockets.
	poolCheck     = time.Second
	poolIdleCheck = 10 * time.Second
)

// portPool is the outside ports: a range above the host's own, and single ports
// that holder sockets keep from the host when the range runs short.
type portPool struct {
	pool    hostnet.PortRange
	holders hostnet.Holders
	count   int
	busy    map[nat.Proto]map[uint16]bool // ports of the range that sockets of the host have
	bound   chan struct{}                 // a port was given out since the last look
}

func newPortPool(r hostnet.PortRange) portPool {
	return portPool{pool: r, bound: make(chan struct{}, 1)}
}

// noteBound is the table's Bound.
func (p *portPool) noteBound() {
	select {
	case p.bound <- struct{}{}:
	default: // noted already
	}
}

// choosePool takes the range that the definitions ask for, or what lies above
// the host's own. There is one pool, so two that ask for different ranges cannot
// both be served.
func choosePool(defs map[string]definition) (portPool, error) {
	asks := ""
	for _, name := range sortedNames(defs) {
		switch r := defs[name].NAT.Ports; {
		case r == (config.PortRange{}):
		case asks == "":
			asks = name
		case r != defs[asks].NAT.Ports:
			return portPool{}, fmt.Errorf("networks %s and %s set nat.ports to %s and %s: all networks share one pool, so set the same range or none",
				asks, name, defs[asks].NAT.Ports, r)
		}
	}
	if asks != "" {
		r := defs[asks].NAT.Ports
		return newPortPool(hostnet.PortRange{First: r.First, Last: r.Last}), nil
	}
	local, err := hostnet.LocalPortRange()
	if err != nil {
		return portPool{}, err
	}
	return newPortPool(hostnet.PoolAbove(local)), nil
}

// serves reports whether the pool is what a definition asks for.
func (p *portPool) serves(def config.Network) bool {
	r := def.NAT.Ports
	return r == (config.PortRange{}) || p.pool == hostnet.PortRange{First: r.First, Last: r.Last}
}

// transports are the protocols whose ports are shared with the host's sockets.
var transports = map[nat.Proto]hostnet.Transport{nat.TCP: hostnet.TCP, nat.UDP: hostnet.UDP}

// exclude keeps the ports out of the pool that the host's sockets have now, and
// gives those back that they had.
func (p *portPool) exclude(t *nat.Table, busy map[nat.Proto]map[uint16]bool) {
	for proto := range transports {
		for port := range busy[proto] {
			if !p.busy[proto][port] {
				t.Exclude(proto, port)
			}
		}
		for port := range p.busy[proto] {
			if !busy[proto][port] {
				t.AddPorts(proto, []uint16{port})
			}
		}
	}
	p.busy = busy
}

// look asks the kernel which ports of the range the host's sockets have.
func (p *portPool) look() (map[nat.Proto]map[uint16]bool, error) {
	all := map[nat.Proto]map[uint16]bool{}
	for proto, transport := range transports {
		busy, err := hostnet.BusyPorts(transport, p.pool)
		if err != nil {
			return nil, err
		}
		all[proto] = busy
	}
	return all, nil
}

// retake holds the single ports again that resumed flows use: those of the dead
// daemon went to the host with it. One that the host has taken since then stays
// with the flow until its end, and is given to no other.
func (p *portPool) retake(t *nat.Table) error {
	strays := map[uint16]bool{}
	t.Strays(func(_ nat.Proto, port uint16) { strays[port] = !p.pool.Contains(port) })
	for port, single := range strays {
		if !single {
			continue // excluded: the host has it
		}
		held, err := hostnet.HoldPort(port)
		if err != nil {
			return err
		}
		if held != nil {
			p.holders, p.count = append(p.holders, held...), p.count+1
			t.AddPorts(nat.TCP, []uint16{port})
			t.AddPorts(nat.UDP, []uint16{port})
		}
	}
	return nil
}

// keepPool keeps the pool apart from what the host's sockets take of it, and
// takes single ports from the host when half of it is held.
func (d *Daemon) keepPool(ctx context.Context) {
	// nftables hides the range only: the host would reset flows on other ports.
	widen := d.steer.Fallback() == nil
	if widen && d.held.pool.Len() < fewPorts {
		d.holdPorts(ctx)
	}
	for d.held.await(ctx) {
		d.followHostPorts(ctx)
		if widen && d.held.count+holdStep <= holdLimit() && d.underPressure(ctx) {
			d.holdPorts(ctx)
		}
	}
}

// await waits until the next look at the pool is due; false when ctx is
// cancelled.
func (p *portPool) await(ctx context.Context) bool {
	pause := time.NewTimer(poolCheck)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-pause.C:
	}
	pause.Reset(poolIdleCheck - poolCheck)
	select {
	case <-ctx.Done():
		return false
	case <-p.bound:
	case <-pause.C:
	}
	return true
}

// holdLimit is how many single ports may be held: each takes a descriptor for
// TCP and one for UDP.
func holdLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < spareFDs {
		return 0
	}
	return int(min(maxHeld, (limit.Cur-spareFDs)/2))
}

// followHostPorts makes room for services of the host that came since the last
// look. A flow that has the port already keeps it.
func (d *Daemon) followHostPorts(ctx context.Context) {
	busy, err := d.held.look()
	if err != nil {
		d.log.Debug("the host's sockets are not listed", "err", err)
		return
	}
	if maps.EqualFunc(busy, d.held.busy, maps.Equal) {
		return // as a rule: the worker goes on undisturbed
	}
	_ = d.worker.Do(ctx, func(*dataplane.Worker) { d.held.exclude(d.router.NAT(), busy) }) // it has stopped: nothing to keep apart
}

func (d *Daemon) underPressure(ctx context.Context) (pressed bool) {
	err := d.worker.Do(ctx, func(*dataplane.Worker) {
		for _, p := range []nat.Proto{nat.TCP, nat.UDP} {
			held, total := d.router.NAT().Pressure(p)
			pressed = pressed || 2*held >= total
		}
	})
	return err == nil && pressed
}

// holdPorts takes another step of single ports.
func (d *Daemon) holdPorts(ctx context.Context) {
	ports, holders, err := hostnet.HoldPorts(holdStep, d.held.pool)
	if err != nil {
		d.log.Warn("no further outside ports", "err", err)
	}
	d.held.holders = append(d.held.holders, holders...)
	d.held.count += len(ports)
	if len(ports) == 0 {
		return
	}
	err = d.worker.Do(ctx, func(*dataplane.Worker) {
		d.router.NAT().AddPorts(nat.TCP, ports)
		d.router.NAT().AddPorts(nat.UDP, ports)
	})
	if err == nil {
		d.log.Info("outside ports added", "ports", len(ports), "in_all", d.held.count+d.held.pool.Len())
	}
}

func (p *portPool) close() error { return p.holders.Close() }
