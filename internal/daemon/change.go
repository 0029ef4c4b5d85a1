package daemon

import (
	"context"
	"fmt"
	"slices"

	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/netupdate"
	"ubridge/internal/plan"
)

// change is a change of one network that is being prepared or made.
type change struct {
	name    string
	n       *network        // that runs, and is changed; nil: none
	to      config.Network  // what is to be in force in n
	config  *config.Network // what is to be defined; nil: the definition stays
	steps   []plan.Step     // of what runs
	defined []plan.Step     // of the definition
	added   []string        // devices that become ports
}

// Change implements api.Backend.
func (b backend) Change(ctx context.Context, r api.ChangeRequest) (api.ChangeResult, error) {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	c, err := b.d.prepareChange(r)
	if err != nil {
		return api.ChangeResult{}, err
	}
	if err := b.d.checkChange(ctx, c); err != nil {
		return api.ChangeResult{}, err
	}
	res := b.d.resultOf(c)
	if r.DryRun || len(res.Steps) == 0 {
		return res, nil
	}
	return res, b.d.makeChange(ctx, c)
}

// prepareChange finds out what is to be, and what differs.
func (d *Daemon) prepareChange(r api.ChangeRequest) (*change, error) {
	c := &change{name: r.Network, n: d.nets[r.Network]}
	def, defined := d.defs[r.Network]
	if c.n == nil && !defined {
		return nil, api.Errorf(api.NotFound, "no network named %s: see `ubridge net list`", r.Network)
	}
	live, stored := r.Live, r.Config
	if !live && !stored {
		live, stored = c.n != nil, c.n == nil
	}
	if err := d.checkScope(c, def, defined, live, stored); err != nil {
		return nil, err
	}
	if r.Since != "" && string(def.Marshal()) != r.Since {
		return nil, api.Errorf(api.Conflict, "network %s was changed by someone else meanwhile: start again from what it is now", r.Network)
	}
	goal, err := goalOf(r)
	if err != nil {
		return nil, api.Errorf(api.Usage, "%v", err)
	}
	if stored {
		next, err := d.reach(goal, def.Network)
		if err != nil {
			return nil, err
		}
		c.config, c.defined = &next, plan.Diff(def.Network, next)
	}
	if !live {
		c.n = nil
		return c, nil
	}
	return c, d.prepareLive(c, goal)
}

// prepareLive finds out what is to be in force.
func (d *Daemon) prepareLive(c *change, goal goal) error {
	next, err := d.reach(goal, c.n.def)
	if err != nil {
		return err
	}
	from, to := c.n.effective(c.n.def), c.n.effective(next)
	c.steps = plan.Diff(from, to)
	if c.to, err = plan.Live(from, to, c.steps); err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	for _, port := range c.to.Ports {
		if c.n.ports[port] == nil {
			c.added = append(c.added, port)
		}
	}
	return nil
}

func (d *Daemon) checkScope(c *change, def definition, defined, live, stored bool) error {
	switch {
	case live && c.n == nil:
		return api.Errorf(api.Conflict, "network %s is not active: leave --live out, or `ubridge net start %s`", c.name, c.name)
	case stored && !defined:
		return api.Errorf(api.Conflict, "network %s is transient, it has no definition to change: leave --config out", c.name)
	case stored && def.readOnly:
		return api.Errorf(api.Conflict, "network %s is defined by the administrator in %s: change it there", c.name, def.Origin.File)
	}
	return nil
}

// goal makes the wanted definition from the one that is there.
type goal func(config.Network) (config.Network, error)

// goalOf reads what a request wants.
func goalOf(r api.ChangeRequest) (goal, error) {
	var goals []goal
	var err error
	if r.TOML != "" {
		goals = append(goals, func(config.Network) (config.Network, error) { return config.ParseNetwork(r.Network, []byte(r.TOML)) })
	}
	if r.XML != "" {
		goals = append(goals, fromXML(r.Network, r.XML))
	}
	if r.Set != nil {
		goals = append(goals, func(n config.Network) (config.Network, error) { return n.Set(r.Set...) })
	}
	if r.Update != nil {
		var g goal
		g, err = updating(*r.Update)
		goals = append(goals, g)
	}
	if len(goals) != 1 {
		return nil, fmt.Errorf("a change is one of toml, xml, set and update")
	}
	return goals[0], err
}

// fromXML is a whole definition in libvirt's form, which does not say whether the
// network starts with the daemon.
func fromXML(name, text string) goal {
	return func(n config.Network) (config.Network, error) {
		next, _, err := config.ParseLibvirt(name+".xml", []byte(text))
		if err == nil && next.Name != name {
			err = fmt.Errorf("%s.xml: name: it is %s: a network does not change its name", name, next.Name)
		}
		next.Autostart = n.Autostart
		return next, err
	}
}

func updating(u api.Update) (goal, error) {
	e, err := netupdate.ParseWords(u.Section, u.Words)
	if u.XML != "" {
		e, err = netupdate.ParseXML(u.Section, u.XML)
	}
	if err != nil {
		return nil, err
	}
	return netupdate.Update{Command: netupdate.Command(u.Command), Section: u.Section, Element: e}.Apply, nil
}

// reach applies a goal to a definition. What wants a subnet to be named, such as
// a reserved address, has it named as the one that the network has got.
func (d *Daemon) reach(g goal, from config.Network) (config.Network, error) {
	next, err := d.pinned(g, from)
	if err != nil {
		return next, api.Errorf(api.Usage, "%v", err)
	}
	if next.UUID == "" {
		next.UUID = from.UUID
	} else if err := d.named(&next); err != nil {
		return next, err
	}
	return next, nil
}

func (d *Daemon) pinned(g goal, from config.Network) (config.Network, error) {
	next, err := g(from)
	st := d.state.Networks[from.Name]
	if err == nil || from.Pinned() || st == nil || !st.Address.IsValid() {
		return next, err
	}
	from.Address = st.Address
	if pinned, again := g(from); again == nil {
		return pinned, nil
	}
	return next, err
}

// effective is a definition that says what its running network has got where it
// left the choice to the daemon.
func (n *network) effective(def config.Network) config.Network {
	if def.Mode == config.ModeBridge {
		return def
	}
	if def.Bridge == "" {
		def.Bridge = n.device
	}
	if def.MAC == nil {
		def.MAC = n.mac[:]
	}
	if !def.Pinned() {
		def.Address = n.addr
	}
	if def.UUID == "" {
		def.UUID = n.def.UUID
	}
	return def
}

// pending are the keys of a definition that its running network does not follow.
func (n *network) pending(def config.Network) (keys []string) {
	for _, s := range plan.Diff(n.effective(n.def), n.effective(def)) {
		keys = append(keys, s.Key)
	}
	return keys
}

// resultOf says what a change does, by key: what takes effect when.
func (d *Daemon) resultOf(c *change) api.ChangeResult {
	res := api.ChangeResult{Network: c.name, Live: c.n != nil, Config: c.config != nil, Steps: []api.Step{}}
	waits := api.EffectNow
	if c.n == nil && d.nets[c.name] != nil {
		waits = api.EffectRestart // only the definition is changed
	}
	for _, s := range c.steps {
		res.Steps = append(res.Steps, stepLine(s, effects[s.When]))
	}
	for _, s := range c.defined {
		if !slices.ContainsFunc(c.steps, func(o plan.Step) bool { return o.Key == s.Key }) {
			s.Note = ""
			res.Steps = append(res.Steps, stepLine(s, waits))
		}
	}
	return res
}

var effects = map[plan.When]string{plan.Now: api.EffectNow, plan.Restart: api.EffectRestart, plan.Daemon: api.EffectDaemon}

func stepLine(s plan.Step, effect string) api.Step {
	return api.Step{Key: s.Key, Lines: s.Lines(), Effect: effect, Note: s.Note}
}

// Definition implements api.Backend.
func (b backend) Definition(_ context.Context, name string) (api.Definition, error) {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	out := api.Definition{Network: name}
	def, defined := b.d.defs[name]
	n := b.d.nets[name]
	if n == nil && !defined {
		return out, api.Errorf(api.NotFound, "no network named %s: see `ubridge net list`", name)
	}
	if defined {
		out.TOML, out.File, out.ReadOnly = string(def.Marshal()), def.Origin.File, def.readOnly
	}
	if n != nil {
		out.Running = string(n.def.Marshal())
	}
	return out, nil
}
