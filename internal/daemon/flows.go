package daemon

import (
	"errors"
	"net"
	"path/filepath"

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
	busy, err := d.held.look()
	if err != nil {
		return nil, err
	}
	d.held.exclude(table, busy)
	return table, d.held.retake(table)
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

// The bit array is shared by nat and steer, who each say how long it is.
var _ = [1]struct{}{}[nat.PortBitWords-2*steer.WordsPerProtocol]

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
