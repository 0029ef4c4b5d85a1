package daemon

import (
	"context"
	"errors"
	"fmt"

	"ubridge/internal/api"
	"ubridge/internal/config"
)

// A transient network runs and is defined nowhere: it was created from libvirt's
// form, or undefined while it ran. The state file holds its definition, so that a
// daemon that was killed resumes it. A clean stop, and a boot, end it.

// createTransient starts a network without defining it.
func (d *Daemon) createTransient(ctx context.Context, def config.Network) error {
	if err := def.Check(); err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	if err := d.fits(def); err != nil {
		return err
	}
	if err := d.named(&def); err != nil {
		return err
	}
	def.Origin = config.Origin{}
	d.state.network(def.Name).Transient = string(def.Marshal())
	if err := d.startNetwork(ctx, def); err != nil {
		return errors.Join(err, d.forgetPorts(def.Name), d.state.save())
	}
	d.setPolicy()
	return nil
}

// settled notes that a network which may have been transient is defined now.
func (d *Daemon) settled(name string) error {
	st := d.state.Networks[name]
	if st == nil || st.Transient == "" {
		return nil
	}
	st.Transient = ""
	return d.state.save()
}

// transients are the networks that ran without a definition when the last daemon
// was killed. What a boot or a clean stop has left of others is forgotten.
func (d *Daemon) transients() (list []config.Network, err error) {
	for _, name := range sortedNames(d.state.Networks) {
		st := d.state.Networks[name]
		if _, defined := d.defs[name]; defined || st.Transient == "" {
			continue
		}
		if !d.crashed() || !st.Running {
			err = errors.Join(err, d.forgetPorts(name))
			continue
		}
		n, wrong := config.ParseNetwork(name, []byte(st.Transient))
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("transient network %s, in %s: %w", name, d.state.path, wrong))
			continue
		}
		list = append(list, n)
	}
	return list, err
}

// endTransient forgets a network that has stopped and is defined nowhere.
func (d *Daemon) endTransient(name string) error {
	if _, defined := d.defs[name]; defined {
		return nil
	}
	return errors.Join(d.forgetPorts(name), d.state.save())
}
