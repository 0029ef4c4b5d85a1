package cli

import (
	"encoding/json"
	"slices"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
	"ubridge/internal/importer"
	"ubridge/internal/importer/libvirt"
)

// importLibvirt prints networks of libvirt's, and takes the place of one.
func (a *app) importLibvirt() *cobra.Command {
	o := &importOptions{kind: "libvirt"}
	cmd := a.command("libvirt [NAME]", "networks of libvirt, with leases and reservations; --apply takes the place of a running one",
		"  sudo ubridge import libvirt\n  sudo ubridge import libvirt default --apply\n  sudo ubridge import libvirt default --undo",
		func(cmd *cobra.Command, args []string) error {
			name := optional(args, 0)
			if err := o.checkLibvirt(name); err != nil {
				return err
			}
			c := a.client()
			defer c.Close()
			if o.undo {
				return a.giveBack(c, cmd, o, name)
			}
			plan, found, err := o.readLibvirt(name)
			if err != nil {
				return err
			}
			if !o.apply {
				return a.printPlan(cmd, o, &plan, nil)
			}
			return a.takeOver(c, cmd, o, name, &plan, found)
		})
	o.flags(cmd)
	return cmd
}

func (o *importOptions) checkLibvirt(name string) error {
	switch {
	case (o.apply || o.undo) && name == "":
		return api.Errorf(api.Usage, "name the network of libvirt's, such as default")
	case o.root != "" && o.apply:
		return api.Errorf(api.Usage, "--apply takes the place of what runs here; leave --root out")
	}
	return o.check(nil)
}

// readLibvirt reads one network, or all.
func (o *importOptions) readLibvirt(name string) (plan importer.Plan, found []libvirt.Found, err error) {
	files, done, err := o.files()
	if err != nil {
		return plan, nil, err
	}
	defer done()
	names := []string{name}
	if name == "" {
		names = libvirt.Names(files)
	}
	if plan, found, err = libvirt.Read(files, names...); err != nil || o.name == "" || len(found) == 0 {
		return plan, found, err
	}
	if err := plan.Rename(o.name); err != nil {
		return plan, nil, api.Errorf(api.Usage, "%v", err)
	}
	found[0].Network = plan.Networks[0]
	found[0].Edit = libvirt.Edit(&found[0])
	plan.Networks[0].Edit = found[0].Edit
	return plan, found, nil
}

// takeOver checks, shows the steps, takes them, and says what is left to do.
func (a *app) takeOver(c *api.Client, cmd *cobra.Command, o *importOptions, name string, plan *importer.Plan, found []libvirt.Found) error {
	if len(found) == 0 {
		if err := a.printPlan(cmd, o, plan, nil); err != nil {
			return err
		}
		return api.Errorf(api.Failed, "network %s of libvirt cannot be imported; the notes say why", name)
	}
	t := &takeover{app: a, client: c, options: o, virsh: virsh{}, name: name, found: found[0]}
	if err := t.check(cmd.Context()); err != nil {
		return err
	}
	steps := t.steps()
	if err := a.printPlan(cmd, o, plan, steps); err != nil {
		return err
	}
	if err := a.runSteps(cmd, steps); err != nil {
		return err
	}
	if t.start {
		a.progress(cmd, "network %s runs in ubridge", t.found.Name)
	} else {
		a.progress(cmd, "start it: ubridge net start %s", t.found.Name)
	}
	a.progress(cmd, "take it back: ubridge import libvirt %s --undo", name)
	if t.found.Edit != "" {
		a.progress(cmd, "edit the domains as shown above before they are started again")
	}
	return nil
}

// taken is what the undo of a takeover needs to know of libvirt. The daemon keeps
// it with the import.
type taken struct {
	Network   string   `json:"network"` // its name there
	Bridge    string   `json:"bridge"`
	Active    bool     `json:"active"`
	Autostart bool     `json:"autostart"`
	Taps      []string `json:"taps"`
}

// giveBack undoes a takeover: ours goes, libvirt's starts, its taps return.
func (a *app) giveBack(c *api.Client, cmd *cobra.Command, o *importOptions, name string) error {
	list, err := o.imported(c, cmd)
	if err != nil {
		return err
	}
	var was taken
	at := slices.IndexFunc(list, func(m api.Import) bool {
		was = taken{}
		return json.Unmarshal(m.Undo, &was) == nil && was.Network == name
	})
	if at < 0 {
		return api.Errorf(api.NotFound, "network %s of libvirt was not imported, or that was undone already", name)
	}
	t := &takeover{app: a, client: c, options: o, name: name}
	if was.Active || was.Autostart {
		if err := t.virsh.there(); err != nil {
			return err
		}
	}
	steps := t.stepsBack(list[at].Network, was)
	for _, s := range steps { // forward only: each may be repeated by hand
		if err := s.do(cmd.Context()); err != nil {
			return api.Errorf(api.CodeOf(err), "%s: %v; the steps are: %s", s.text, err, texts(steps))
		}
		a.progress(cmd, "done: %s", s.text)
	}
	return a.noList(cmd)
}
