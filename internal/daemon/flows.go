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
			{Name: "sessions", Size: d.cfg.Sessions * nat.SessionBytes},
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
	memory, err := flowMemory(file)
	if err != nil {
		return nil, err
	}
	first, last := d.held.pool.First, d.held.pool.Last
	if d.held.pool.Len() == 0 {
		first, last = 0, 0 // none from the start
	}
	table, err := nat.New(nat.Config{
		FirstPort: first, LastPort: last, PortBits: d.steer.Ports(),
		Memory: memory, Seed: file.Key(),
		Now: nat.Time(d.clock.Now().Seconds()), Valid: d.validFlow, Bound: d.held.noteBound,
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

// flowMemory is the tables in the file, and how much of them was ever used.
func flowMemory(file *shm.File) (m nat.State, err error) {
	if m.Sessions, err = shm.Slice[nat.Session](file.Section("sessions")); err != nil {
		return m, err
	}
	if m.Mappings, err = shm.Slice[nat.Mapping](file.Section("mappings")); err != nil {
		return m, err
	}
	sessions, err := file.Written("sessions")
	if err != nil {
		return m, err
	}
	mappings, err := file.Written("mappings")
	m.ZeroSessions = len(m.Sessions) - (sessions+nat.SessionBytes-1)/nat.SessionBytes
	m.ZeroMappings = len(m.Mappings) - (mappings+nat.MappingBytes-1)/nat.MappingBytes
	return m, err
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
