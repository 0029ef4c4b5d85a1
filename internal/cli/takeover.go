package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/importer/libvirt"
)

// virsh runs libvirt's own command line, against the system's instance unless the
// user's environment names another.
type virsh struct{}

func (virsh) there() error {
	if _, err := exec.LookPath("virsh"); err != nil {
		return api.Errorf(api.Failed, "virsh is not there, by which libvirt's network is stopped and started; install libvirt-clients")
	}
	return nil
}

func (virsh) run(ctx context.Context, args ...string) error {
	if os.Getenv("LIBVIRT_DEFAULT_URI") == "" {
		args = append([]string{"--connect", "qemu:///system"}, args...)
	}
	out, err := exec.CommandContext(ctx, "virsh", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("virsh %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// takeover puts ubridge in the place of a network of libvirt's.
type takeover struct {
	*app
	client  *api.Client
	options *importOptions
	virsh   virsh
	name    string // libvirt's
	found   libvirt.Found
	own     bool // ubridge has a network of that name, which makes room
	start   bool
}

// check refuses before anything is touched.
func (t *takeover) check(ctx context.Context) error {
	f := &t.found
	if f.Active || f.Autostart {
		if err := t.virsh.there(); err != nil {
			return err
		}
	}
	if f.Active && !f.Persistent {
		return api.Errorf(api.Conflict, "network %s of libvirt is transient, so it could not be given back: virsh net-dumpxml %s >%s.xml && virsh net-define %s.xml", t.name, t.name, t.name, t.name)
	}
	if f.Active && f.Mode == config.ModeBridge {
		return api.Errorf(api.Conflict, "guests of network %s are on macvtaps, which stay with libvirt: stop them, and virsh net-destroy %s", t.name, t.name)
	}
	for _, tap := range f.Taps {
		if f.Active && t.hooks.SetMaster == nil {
			return api.Errorf(api.Failed, "%s could not be put back into %s by this build", tap, f.Bridge)
		}
	}
	list, err := t.client.Networks(ctx)
	if err != nil {
		return err
	}
	own := slices.IndexFunc(list, func(n api.Network) bool { return n.Name == f.Name })
	t.own = own >= 0
	t.start = f.Active || t.own && list[own].Active
	r, err := t.request()
	if err != nil {
		return err
	}
	r.Check = true
	_, err = t.client.Import(ctx, r)
	return err
}

func (t *takeover) request() (api.ImportRequest, error) {
	f := &t.found
	undo, err := json.Marshal(taken{Network: t.name, Bridge: f.Bridge, Active: f.Active, Autostart: f.Autostart, Taps: f.Taps})
	r := importRequest(t.options, &f.Network)
	r.From, r.Start, r.Replace, r.Undo = t.name, t.start, true, undo
	return r, err
}

// steps are in an order in which each can be taken back: libvirt lets go of the
// bridge's name and subnet before ubridge takes them.
func (t *takeover) steps() (steps []step) {
	f := &t.found
	if f.Autostart {
		steps = append(steps, step{
			text: "libvirt: no autostart of network " + t.name,
			do:   func(ctx context.Context) error { return t.virsh.run(ctx, "net-autostart", "--disable", t.name) },
			undo: func(ctx context.Context) error { return t.virsh.run(ctx, "net-autostart", t.name) },
		})
	}
	if f.Active {
		steps = append(steps, step{
			text: fmt.Sprintf("libvirt: stop network %s; %s goes, guests keep their link%s", t.name, f.Bridge, named(f.Taps)),
			do:   t.stop,
			undo: func(ctx context.Context) error { return t.restart(ctx, f.Bridge, f.Taps) },
		})
	}
	r, _ := t.request() // it was made once, by check
	s := importStep(t.client, r, &f.Network)
	if t.own {
		s.text += "; ubridge's own network " + f.Name + " makes room until the undo"
	}
	s.do = t.define
	steps = append(steps, s)
	if !t.start {
		return steps
	}
	for _, tap := range f.Taps {
		steps = append(steps, t.adopt(tap))
	}
	return append(steps, step{text: "see that it runs and has its ports", do: t.verify})
}

// stop has libvirt stop its network. Where that fails half way, it runs again.
func (t *takeover) stop(ctx context.Context) error {
	err := t.virsh.run(ctx, "net-destroy", t.name)
	if err == nil {
		return nil
	}
	if _, now, readErr := t.options.readLibvirt(t.name); readErr == nil && len(now) == 1 && !now[0].Active {
		return errors.Join(err, t.restart(context.WithoutCancel(ctx), t.found.Bridge, t.found.Taps))
	}
	return err
}

func named(taps []string) string {
	if len(taps) == 0 {
		return ""
	}
	return " on " + strings.Join(taps, ", ")
}

// restart has libvirt run the network again, with the taps in its bridge.
func (t *takeover) restart(ctx context.Context, bridge string, taps []string) error {
	if err := t.virsh.run(ctx, "net-start", t.name); err != nil {
		return err
	}
	var errs []error
	for _, tap := range taps {
		if _, err := os.Stat("/sys/class/net/" + tap); err == nil { // guests may be gone by now
			errs = append(errs, t.hooks.SetMaster(tap, bridge))
		}
	}
	return errors.Join(errs...)
}

// define imports with the leases that libvirt had when it stopped.
func (t *takeover) define(ctx context.Context) error {
	if _, again, err := t.options.readLibvirt(t.name); err == nil && len(again) == 1 {
		t.found.Leases = again[0].Leases
	}
	r, err := t.request()
	if err != nil {
		return err
	}
	_, err = t.client.Import(ctx, r)
	return err
}

// adopt makes a guest's tap a port. The import's undo lets go of it.
func (t *takeover) adopt(tap string) step {
	return step{
		text: fmt.Sprintf("make %s a port", tap),
		do: func(ctx context.Context) error {
			_, err := t.client.AddPort(ctx, api.AddPortRequest{Network: t.found.Name, Port: tap})
			return err
		},
	}
}

// verify looks at what was made.
func (t *takeover) verify(ctx context.Context) error {
	info, err := t.client.Network(ctx, t.found.Name)
	if err != nil {
		return err
	}
	if !info.Active || t.found.Bridge != "" && info.Bridge != t.found.Bridge {
		return fmt.Errorf("network %s is not active on %s", t.found.Name, t.found.Bridge)
	}
	ports, err := t.client.Ports(ctx, t.found.Name)
	if err != nil {
		return err
	}
	for _, tap := range t.found.Taps {
		at := slices.IndexFunc(ports, func(p api.Port) bool { return p.Name == tap })
		if at < 0 || ports[at].State == api.StateAbsent {
			return fmt.Errorf("%s is no port of network %s", tap, t.found.Name)
		}
	}
	return nil
}

// stepsBack undo a takeover.
func (t *takeover) stepsBack(network string, was taken) (steps []step) {
	steps = append(steps, step{
		text: fmt.Sprintf("ubridge: network %s goes; one that made room is back", network),
		do:   func(ctx context.Context) error { return t.client.UndoImport(ctx, network) },
	})
	if was.Active {
		steps = append(steps, step{
			text: fmt.Sprintf("libvirt: start network %s; guests are in %s again%s", t.name, was.Bridge, named(was.Taps)),
			do:   func(ctx context.Context) error { return t.restart(ctx, was.Bridge, was.Taps) },
		})
	}
	if was.Autostart {
		steps = append(steps, step{
			text: "libvirt: autostart network " + t.name,
			do:   func(ctx context.Context) error { return t.virsh.run(ctx, "net-autostart", t.name) },
		})
	}
	return steps
}

// texts are the steps in one line.
func texts(steps []step) string {
	list := make([]string, len(steps))
	for i, s := range steps {
		list[i] = s.text
	}
	return strings.Join(list, "; ")
}
