package daemon

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"time"

	"ubridge/dataplane"
	"ubridge/internal/config"
	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/steer"
	"ubridge/internal/shm"
	"ubridge/internal/wire"
	"ubridge/nat"
)

// openFlows maps the NAT tables and resumes what they hold.
func (d *Daemon) openFlows(done *undo) (*nat.Table, error) {
	file, err := shm.Open(filepath.Join(d.tables, "nat.state"), shm.Layout{
		Version: nat.LayoutVersion,
		Sections: []shm.SectionSpec{
			{Name: "sessions", Size: nat.DefaultSessions * nat.SessionBytes},
			{Name: "mappings", Size: nat.DefaultMappings * nat.MappingBytes},
		},
	})
	if err != nil {
		return nil, err
	}
	d.flows = file
	if why := file.Why(); why != "" {
		d.log.Debug("no flows to resume", "because", why)
	}
	done.add(file.Close)
	sessions, err := shm.Slice[nat.Session](file.Section("sessions"))
	if err != nil {
		return nil, err
	}
	mappings, err := shm.Slice[nat.Mapping](file.Section("mappings"))
	if err != nil {
		return nil, err
	}
	first, last := d.held.pool.First, d.held.pool.Last
	if d.held.pool.Len() == 0 {
		first, last = 0, 0 // none from the start
	}
	table, err := nat.New(nat.Config{
		FirstPort: first, LastPort: last, PortBits: d.steer.Ports(),
		Memory: nat.State{Sessions: sessions, Mappings: mappings}, Seed: file.Key(),
		Now: nat.Time(d.clock.Now().Seconds()), Valid: d.validFlow,
	})
	if err != nil {
		return nil, err
	}
	return table, errors.Join(d.held.exclude(table), d.held.retake(table))
}

// validFlow reports whether a resumed flow's network is still remembered and its
// outside address still recorded.
func (d *Daemon) validFlow(network uint16, outside wire.IP4) bool {
	known := false
	for _, n := range d.state.Networks {
		known = known || n.ID == network
	}
	for _, r := range d.out.records {
		for _, a := range r.Outside {
			if known && wire.IP4(a.As4()) == outside {
				return true
			}
		}
	}
	return false
}

const (
	fewPorts      = 1024        // a pool below this takes single ports from the start
	holdStep      = 1024        // single ports taken at once
	maxHeld       = 12 * 1024   // single ports taken in all: 48 MiB of kernel memory for both protocols
	pressureCheck = time.Second // how often the pool is looked at
)

// portPool is the outside ports: a range above the host's own, and single ports
// that holder sockets keep from the host when the range runs short.
type portPool struct {
	pool    hostnet.PortRange
	holders hostnet.Holders
	count   int
}

// choosePool takes the range that a definition asks for, or what lies above the
// host's own.
func choosePool(defs map[string]definition) (portPool, error) {
	for _, name := range sortedNames(defs) {
		if r := defs[name].NAT.Ports; r != (config.PortRange{}) {
			return portPool{pool: hostnet.PortRange{First: r.First, Last: r.Last}}, nil
		}
	}
	local, err := hostnet.LocalPortRange()
	if err != nil {
		return portPool{}, err
	}
	return portPool{pool: hostnet.PoolAbove(local)}, nil
}

// exclude keeps the ports out of the pool that the host's sockets have.
func (p *portPool) exclude(t *nat.Table) error {
	for proto, transport := range map[nat.Proto]hostnet.Transport{nat.TCP: hostnet.TCP, nat.UDP: hostnet.UDP} {
		busy, err := hostnet.BusyPorts(transport, p.pool)
		if err != nil {
			return err
		}
		for port := range busy {
			t.Exclude(proto, port)
		}
	}
	return nil
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

// widenPool takes single ports from the host when half of the pool is held.
func (d *Daemon) widenPool(ctx context.Context) {
	if d.steer.Fallback() != nil {
		return // nftables hides the range only: the host would reset flows on other ports
	}
	ticker := time.NewTicker(pressureCheck)
	defer ticker.Stop()
	if d.held.pool.Len() < fewPorts {
		d.holdPorts(ctx)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if d.held.count < maxHeld && d.underPressure(ctx) {
				d.holdPorts(ctx)
			}
		}
	}
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

// The bit array is shared by nat and steer, who each say how long it is.
var _ = [1]struct{}{}[nat.PortBitWords-2*steer.WordsPerProtocol]

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
