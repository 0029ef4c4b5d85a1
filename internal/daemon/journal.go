package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ubridge/internal/config"
)

// journal is what a change that is under way would leave behind in files, so
// that a daemon that is killed meanwhile finds all as it was. Everything else
// that a change touches is gone with the process.
type journal struct {
	Network    string   `json:"network"`
	Definition string   `json:"definition,omitempty"` // as it was; empty: it is not changed
	Running    string   `json:"running,omitempty"`    // what was in force; empty: not active
	Added      []string `json:"added,omitempty"`      // devices that become ports
}

func (d *Daemon) journalFile() string { return filepath.Join(d.cfg.StateDir, "change.json") }

// openJournal notes a change before it is made. It is taken back last.
func (d *Daemon) openJournal(c *change, done *undo) error {
	j := journal{Network: c.name, Added: c.added}
	if c.config != nil {
		j.Definition = string(d.defs[c.name].Marshal())
	}
	if c.n != nil {
		j.Running = string(c.n.def.Marshal())
	}
	done.add(d.closeJournal)
	return writeJSON(d.journalFile(), j)
}

// closeJournal notes that no change is under way.
func (d *Daemon) closeJournal() error {
	if err := os.Remove(d.journalFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("journal of changes: %w", err)
	}
	return nil
}

// recoverChange puts back what a change left that a dead daemon did not finish:
// the definition and what was in force. Its ports wait for dropUnfinished.
func (d *Daemon) recoverChange() error {
	var j journal
	if err := readJSON(d.journalFile(), &j); err != nil {
		return err
	}
	if j.Network == "" {
		return nil
	}
	if err := config.CheckName(j.Network); err != nil {
		return fmt.Errorf("journal of changes %s: %w", d.journalFile(), err)
	}
	d.log.Warn("a change was not finished; the network is as it was before", "network", j.Network)
	if j.Definition != "" {
		if err := writeFile(d.definitionFile(j.Network), []byte(j.Definition)); err != nil {
			return err
		}
	}
	if st := d.state.Networks[j.Network]; st != nil && st.Transient != "" {
		st.Transient = j.Running
	} else if j.Running != "" {
		if err := writeFile(d.runningFile(j.Network), []byte(j.Running)); err != nil {
			return err
		}
	}
	d.unfinished = &j
	return nil
}

// dropUnfinished forgets the ports of such a change, and that there was one.
func (d *Daemon) dropUnfinished() error {
	if d.unfinished == nil {
		return nil
	}
	var err error
	for _, name := range d.unfinished.Added {
		if st := d.state.port(name); st != nil {
			d.state.removePort(name)
			err = errors.Join(err, d.letGo(st))
		}
	}
	if err = errors.Join(err, d.state.save()); err != nil {
		return err
	}
	return d.closeJournal()
}

// runningFile is where is kept what is in force of a running network that
// differs from its definition: a crash resumes it, a stop forgets it.
func (d *Daemon) runningFile(name string) string {
	return filepath.Join(d.cfg.RuntimeDir, "running-"+name+".toml")
}

// rememberRunning keeps what is in force where it is not what is defined.
func (d *Daemon) rememberRunning(n *network) error {
	def, defined := d.defs[n.name]
	if !defined {
		n.st.Transient = string(n.def.Marshal())
		return errors.Join(d.state.save(), d.forgetRunning(n.name))
	}
	if len(n.pending(def.Network)) == 0 {
		return d.forgetRunning(n.name)
	}
	return writeFile(d.runningFile(n.name), n.def.Marshal())
}

// noteRunning is rememberRunning of a network that has started, which it does
// without that too.
func (d *Daemon) noteRunning(n *network) {
	if err := d.rememberRunning(n); err != nil {
		n.log.Warn("a crash would resume the network as it is defined", "err", err)
	}
}

func (d *Daemon) forgetRunning(name string) error {
	if err := os.Remove(d.runningFile(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("what runs of network %s: %w", name, err)
	}
	return nil
}

// asItRan is what a network is started with: after a crash what was in force,
// which a change may have made another than the definition.
func (d *Daemon) asItRan(def config.Network) config.Network {
	if !d.crashed() {
		return def
	}
	text, err := os.ReadFile(d.runningFile(def.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return def
	}
	if err == nil {
		var ran config.Network
		if ran, err = config.ParseNetwork(def.Name, text); err == nil {
			return ran
		}
	}
	d.log.Warn("what was in force is not readable; the network starts as it is defined", "network", def.Name, "err", err)
	return def
}
