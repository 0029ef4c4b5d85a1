package daemon

import (
	"context"
	"errors"
	"fmt"

	"ubridge/dataplane"
)

// Restart implements api.Backend.
func (b backend) Restart(ctx context.Context, name string) error {
	d := b.d
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.runningNetwork(name)
	if err != nil {
		return err
	}
	next := n.def
	if def, defined := d.defs[name]; defined {
		next = def.Network
	}
	if err := checkLater(&change{name: name, n: n, config: &next}); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // a client that goes away must not leave it stopped
	was := n.def
	keep := next.Mode == was.Mode && n.effective(next).Address == n.addr
	if err := d.suspend(n, keep); err != nil {
		return errors.Join(fmt.Errorf("network %s is not stopped cleanly: %w", name, err), d.startNetwork(ctx, was))
	}
	if err := d.startNetwork(ctx, next); err != nil {
		return errors.Join(fmt.Errorf("network %s does not start as it is defined, and runs as it did: %w", name, err), d.startNetwork(ctx, was))
	}
	d.setPolicy()
	d.lifecycle(name, "stopped")
	d.lifecycle(name, "started")
	return nil
}

// suspend stops a network for a moment: its devices stay as ports have them, with
// the host's stack kept off, so that guests see no change of their link. With
// keepFlows translated connections outlast it.
func (d *Daemon) suspend(n *network, keepFlows bool) error {
	var errs []error
	for _, a := range n.ports {
		if a.port != nil {
			a.port = nil
			errs = append(errs, d.removePort(dataplane.PortID(a.st.ID)))
		}
	}
	n.cancel()
	n.tasks.Wait()
	if keepFlows && n.share == nil {
		errs = append(errs, d.takeOff(func(w *dataplane.Worker) []dataplane.Port {
			d.router.SuspendNetwork(n.bridge)
			return w.RemoveBridge(n.bridge)
		}))
	} else {
		errs = append(errs, d.takeDown(n))
	}
	errs = append(errs, n.table.Close()) // the file stays: stations are known again at once
	delete(d.nets, n.name)
	return errors.Join(errs...)
}
