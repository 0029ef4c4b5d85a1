package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ubridge/internal/api"
	"ubridge/internal/config"
)

// definition is a network's definition and where it is kept.
type definition struct {
	config.Network
	readOnly bool // the administrator's, in networks.d
}

// loadDefinitions reads both folders of definitions. On an empty state directory
// without any it defines the network default.
func (d *Daemon) loadDefinitions() error {
	d.defs = map[string]definition{}
	if err := d.loadFolder(d.cfg.NetworksDir, true); err != nil {
		return err
	}
	if err := d.loadFolder(d.cfg.StateNetworks(), false); err != nil {
		return err
	}
	if _, err := os.Stat(d.state.path); len(d.defs) == 0 && errors.Is(err, fs.ErrNotExist) {
		first := config.Default("default")
		first.Autostart = true
		if err := d.store(first); err != nil {
			return err
		}
	}
	return config.CheckAll(d.all())
}

func (d *Daemon) loadFolder(dir string, readOnly bool) error {
	list, err := config.LoadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, n := range list {
		if other, twice := d.defs[n.Name]; twice {
			return fmt.Errorf("network %s is defined twice, in %s and in %s: remove one", n.Name, other.Origin.File, n.Origin.File)
		}
		d.defs[n.Name] = definition{Network: n, readOnly: readOnly}
	}
	return nil
}

// all are the definitions, those of transient networks included.
func (d *Daemon) all() (list []config.Network) {
	for _, name := range d.names() {
		if def, defined := d.defs[name]; defined {
			list = append(list, def.Network)
		} else {
			list = append(list, d.nets[name].def)
		}
	}
	return list
}

// define checks a definition against the others and stores it.
func (d *Daemon) define(n config.Network) error {
	if err := d.mayDefine(n); err != nil {
		return err
	}
	if err := d.named(&n); err != nil {
		return err
	}
	if err := d.store(n); err != nil {
		return err
	}
	return d.settled(n.Name)
}

// mayDefine refuses a definition of the administrator's, and what admissible does.
func (d *Daemon) mayDefine(n config.Network) error {
	if d.defs[n.Name].readOnly {
		return api.Errorf(api.Conflict, "network %s is defined by the administrator in %s: change it there", n.Name, d.defs[n.Name].Origin.File)
	}
	return d.admissible(n)
}

// admissible refuses a definition that is faulty, or that clashes with others.
func (d *Daemon) admissible(n config.Network) error {
	if err := n.Check(); err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	return d.fits(n)
}

// fits holds a definition against the other networks.
func (d *Daemon) fits(n config.Network) error {
	var list []config.Network
	for _, o := range d.all() {
		if o.Name != n.Name {
			list = append(list, o)
		}
	}
	if err := config.CheckAll(append(list, n)); err != nil { // n last: it is the one to blame
		return api.Errorf(api.Conflict, "%v", err)
	}
	return nil
}

// store makes a definition durable.
func (d *Daemon) store(n config.Network) error {
	path := d.definitionFile(n.Name)
	if err := writeFile(path, n.Marshal()); err != nil {
		return err
	}
	n.Origin = config.Origin{File: path}
	d.defs[n.Name] = definition{Network: n}
	return nil
}

// forget removes a definition. A running network goes on, as a transient one; its
// ports are kept for as long as it runs.
func (d *Daemon) forget(name string) error {
	n := d.nets[name]
	if n != nil {
		n.st.Transient = string(n.def.Marshal())
		if err := d.state.save(); err != nil {
			return fmt.Errorf("undefine network %s: %w", name, err)
		}
	}
	if err := os.Remove(d.definitionFile(name)); err != nil {
		return fmt.Errorf("undefine network %s: %w", name, err)
	}
	delete(d.defs, name)
	err := d.forgetRunning(name)
	if n == nil {
		err = errors.Join(err, d.forgetPorts(name))
	}
	return errors.Join(err, d.state.save())
}

func (d *Daemon) definitionFile(name string) string {
	return filepath.Join(d.cfg.StateNetworks(), name+".toml")
}

// definition finds a network's definition; the error is NotFound.
func (d *Daemon) definition(name string) (definition, error) {
	def, ok := d.defs[name]
	if !ok {
		return definition{}, api.Errorf(api.NotFound, "no network named %s: see `ubridge net list`", name)
	}
	return def, nil
}
