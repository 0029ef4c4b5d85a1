package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ubridge/dhcpd"
	"ubridge/dhcpd/leasefile"
	"ubridge/internal/api"
	"ubridge/internal/config"
)

// importJournal is what takes an import back. It is on disk before anything is
// changed, and is removed when all is as it was.
type importJournal struct {
	api.Import
	Leases *string   `json:"leases"` // the lease file's text before; nil: there was none
	Before *replaced `json:"before"` // the network that made room; nil: there was none
}

// replaced is a network as it was.
type replaced struct {
	TOML    string    `json:"toml"`
	State   *netState `json:"state"` // what it keeps; its identifiers may go to others meanwhile
	Running bool      `json:"running"`
}

func (d *Daemon) importsDir() string { return filepath.Join(d.cfg.StateDir, "imports") }

func (d *Daemon) importFile(network string) string {
	return filepath.Join(d.importsDir(), network+".json")
}

func (d *Daemon) leaseFile(network string) string {
	return filepath.Join(d.cfg.StateDir, "leases", network+".leases")
}

// Import implements api.Backend.
func (b backend) Import(ctx context.Context, r api.ImportRequest) (api.Network, error) {
	d := b.d
	d.mu.Lock()
	defer d.mu.Unlock()
	def, err := config.ParseNetwork(r.Name, []byte(r.TOML))
	if err != nil {
		return api.Network{}, api.Errorf(api.Usage, "%v", err)
	}
	leases, err := importedLeases(def, r.Leases)
	if err != nil {
		return api.Network{}, err
	}
	if err := d.mayImport(def, r); err != nil || r.Check {
		return d.describe(r.Name), err
	}
	if err := d.importNetwork(ctx, def, leases, r); err != nil {
		return api.Network{}, err
	}
	return d.describe(r.Name), nil
}

// mayImport refuses an import before anything is touched.
func (d *Daemon) mayImport(def config.Network, r api.ImportRequest) error {
	if err := d.mayDefine(def); err != nil {
		return err
	}
	switch _, err := os.Stat(d.importFile(r.Name)); {
	case err == nil:
		return api.Errorf(api.Conflict, "network %s was imported already: `ubridge import %s --undo --name %s` first", r.Name, r.Kind, r.Name)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	_, defined := d.defs[r.Name]
	if !defined && d.nets[r.Name] == nil {
		return nil
	}
	if !r.Replace || !defined {
		return api.Errorf(api.Conflict, "network %s exists already: give the import another name by --name", r.Name)
	}
	for _, p := range d.state.Ports {
		if p.Network == r.Name {
			return api.Errorf(api.Conflict, "network %s has port %s, so it cannot make room: give the import another name by --name", r.Name, p.Name)
		}
	}
	return nil
}

// importNetwork journals, and then makes the network; what fails is taken back.
func (d *Daemon) importNetwork(ctx context.Context, def config.Network, leases []dhcpd.Lease, r api.ImportRequest) (err error) {
	j := importJournal{Import: api.Import{Network: r.Name, Kind: r.Kind, From: r.From, Time: time.Now().Unix(), Undo: r.Undo}}
	if old, defined := d.defs[r.Name]; defined {
		j.Before = &replaced{TOML: string(old.Marshal()), Running: d.nets[r.Name] != nil}
		if st := d.state.Networks[r.Name]; st != nil {
			j.Before.State = &netState{Bridge: st.Bridge, MAC: st.MAC, Address: st.Address, UUID: st.UUID}
		}
	}
	switch text, err := os.ReadFile(d.leaseFile(r.Name)); {
	case err == nil:
		j.Leases = ptr(string(text))
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := makeDir("state directory", d.importsDir(), 0o700); err != nil {
		return err
	}
	if err := writeJSON(d.importFile(r.Name), j); err != nil {
		return err
	}
	if err := d.applyImport(ctx, def, leases, r.Start); err != nil {
		return errors.Join(err, d.takeBack(ctx, j))
	}
	d.log.Info("network imported", "network", r.Name, "kind", r.Kind, "from", r.From, "leases", len(leases))
	return nil
}

func (d *Daemon) applyImport(ctx context.Context, def config.Network, leases []dhcpd.Lease, start bool) error {
	if old := d.nets[def.Name]; old != nil {
		if err := d.stopNetwork(old); err != nil {
			return err
		}
	}
	if _, defined := d.defs[def.Name]; defined {
		if err := d.forget(def.Name); err != nil {
			return err
		}
	}
	if err := storeLeases(d.leaseFile(def.Name), leases); err != nil {
		return err
	}
	if err := d.named(&def); err != nil {
		return err
	}
	if err := d.store(def); err != nil || !start {
		return err
	}
	err := d.startNetwork(ctx, def)
	d.setPolicy()
	return err
}

// storeLeases makes leases the whole content of a network's lease file.
func storeLeases(path string, leases []dhcpd.Lease) error {
	file, _, err := leasefile.Open(path)
	if err != nil {
		return err
	}
	return file.Replace(leases)
}

// importedLeases reads leases and holds them against the subnet.
func importedLeases(def config.Network, list []api.Lease) (out []dhcpd.Lease, err error) {
	if len(list) > 0 && (!def.Pinned() || !def.DHCP.Enabled) {
		return nil, api.Errorf(api.Usage, "network %s: leases need an address and DHCP in the definition", def.Name)
	}
	for _, l := range list {
		lease, err := importedLease(l)
		if err == nil && (!def.Address.Contains(lease.IP) || lease.IP == def.Address.Addr()) {
			err = fmt.Errorf("it is no guest's address in %v", def.Address.Masked())
		}
		if err != nil {
			return nil, api.Errorf(api.Usage, "network %s: lease of %s: %v", def.Name, l.IP, err)
		}
		out = append(out, lease)
	}
	return out, nil
}

func importedLease(l api.Lease) (out dhcpd.Lease, err error) {
	if out.IP, err = netip.ParseAddr(l.IP); err != nil {
		return out, err
	}
	mac, err := net.ParseMAC(l.MAC)
	if err != nil || len(mac) != len(out.MAC) {
		return out, fmt.Errorf("%q is no Ethernet address", l.MAC)
	}
	copy(out.MAC[:], mac)
	if out.ClientID, err = hex.DecodeString(strings.ReplaceAll(l.ClientID, ":", "")); err != nil || len(out.ClientID) > 255 {
		return out, fmt.Errorf("%q is no client identifier", l.ClientID)
	}
	if l.Expires != 0 {
		out.Expires = time.Unix(l.Expires, 0)
	}
	out.Hostname, _ = dhcpd.Hostname(l.Hostname) // a name that no guest may have is none
	return out, nil
}

// Imports implements api.Backend.
func (b backend) Imports(context.Context) (list []api.Import, err error) {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(b.d.importsDir(), "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		var j importJournal
		if err := readJSON(file, &j); err != nil {
			return nil, err
		}
		list = append(list, j.Import)
	}
	return list, nil
}

// UndoImport implements api.Backend.
func (b backend) UndoImport(ctx context.Context, network string) error {
	d := b.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := config.CheckName(network); err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	var j importJournal
	if err := readJSON(d.importFile(network), &j); err != nil {
		return err
	}
	if j.Network != network {
		return api.Errorf(api.NotFound, "network %s was not imported, or that was undone already", network)
	}
	return d.takeBack(ctx, j)
}

// takeBack brings the state of before the import about, from any state since. The
// journal goes last, so that what fails can be tried again.
func (d *Daemon) takeBack(ctx context.Context, j importJournal) error {
	if n := d.nets[j.Network]; n != nil {
		if err := d.stopNetwork(n); err != nil {
			return err
		}
	}
	if _, defined := d.defs[j.Network]; defined {
		if err := d.forget(j.Network); err != nil {
			return err
		}
	} else if err := errors.Join(d.forgetPorts(j.Network), d.state.save()); err != nil {
		return err
	}
	if err := d.takeBackImport(ctx, j); err != nil {
		return err
	}
	d.setPolicy()
	if err := os.Remove(d.importFile(j.Network)); err != nil {
		return fmt.Errorf("undo the import of network %s: %w", j.Network, err)
	}
	return syncDir(d.importsDir())
}

// takeBackImport restores the leases and the network that made room. One that does not
// start again is logged: it is there, and the undo is done.
func (d *Daemon) takeBackImport(ctx context.Context, j importJournal) error {
	path := d.leaseFile(j.Network)
	if j.Leases != nil {
		if err := writeFile(path, []byte(*j.Leases)); err != nil {
			return err
		}
	} else if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if j.Before == nil {
		return nil
	}
	def, err := config.ParseNetwork(j.Network, []byte(j.Before.TOML))
	if err != nil {
		return fmt.Errorf("undo the import of network %s: what it replaced: %w", j.Network, err)
	}
	if j.Before.State != nil {
		d.state.Networks[j.Network] = j.Before.State
	}
	if err := errors.Join(d.store(def), d.state.save()); err != nil || !j.Before.Running {
		return err
	}
	if err := d.startNetwork(ctx, def); err != nil {
		d.log.Error("a network that an import replaced is back, and not started", "network", j.Network, "err", err)
	}
	return nil
}
