package apitest

import (
	"context"
	"iter"

	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/netupdate"
	"ubridge/internal/plan"
)

// Restart implements api.Backend.
func (b *Backend) Restart(_ context.Context, network string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.find(network)
	if err == nil && !n.Active {
		return api.Errorf(api.Conflict, "network %s is not active", network)
	}
	return err
}

// definition wants the lock held. A network's definition is made of defaults
// until it is changed.
func (b *Backend) definition(name string) config.Network {
	if def, changed := b.defs[name]; changed {
		return def
	}
	def := config.Default(name)
	if name == "default" {
		def.Autostart = true
	}
	return def
}

// Definition implements api.Backend. The network locked is the administrator's.
func (b *Backend) Definition(_ context.Context, network string) (api.Definition, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.find(network)
	if err != nil {
		return api.Definition{}, err
	}
	text := string(b.definition(network).Marshal())
	out := api.Definition{Network: network, TOML: text, File: n.File, ReadOnly: n.ReadOnly}
	if n.Active {
		out.Running = text
	}
	return out, nil
}

// Change implements api.Backend: one definition stands for what is defined and
// for what runs.
func (b *Backend) Change(_ context.Context, r api.ChangeRequest) (api.ChangeResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Requests = append(b.Requests, r)
	res := api.ChangeResult{Network: r.Network, Live: r.Live, Config: r.Config, Steps: []api.Step{}}
	n, err := b.find(r.Network)
	if err != nil {
		return res, err
	}
	if !r.Live && !r.Config {
		res.Live, res.Config = n.Active, !n.Active
	}
	def := b.definition(r.Network)
	switch {
	case res.Live && !n.Active:
		return res, api.Errorf(api.Conflict, "network %s is not active", r.Network)
	case r.Since != "" && r.Since != string(def.Marshal()):
		return res, api.Errorf(api.Conflict, "network %s was changed by someone else meanwhile", r.Network)
	}
	next, err := goal(def, r)
	if err != nil {
		return res, api.Errorf(api.Usage, "%v", err)
	}
	for _, s := range plan.Diff(def, next) {
		effect := map[plan.When]string{plan.Now: api.EffectNow, plan.Restart: api.EffectRestart, plan.Daemon: api.EffectDaemon}[s.When]
		res.Steps = append(res.Steps, api.Step{Key: s.Key, Lines: s.Lines(), Effect: effect, Note: s.Note})
	}
	if !r.DryRun {
		b.defs[r.Network], n.Autostart = next, next.Autostart
	}
	return res, nil
}

func goal(def config.Network, r api.ChangeRequest) (config.Network, error) {
	switch {
	case r.TOML != "":
		return config.ParseNetwork(r.Network, []byte(r.TOML))
	case r.XML != "":
		next, _, err := config.ParseLibvirt(r.Network+".xml", []byte(r.XML))
		next.Autostart = def.Autostart
		return next, err
	case r.Update != nil:
		e, err := netupdate.ParseWords(r.Update.Section, r.Update.Words)
		if r.Update.XML != "" {
			e, err = netupdate.ParseXML(r.Update.Section, r.Update.XML)
		}
		if err != nil {
			return def, err
		}
		return netupdate.Update{Command: netupdate.Command(r.Update.Command), Section: r.Update.Section, Element: e}.Apply(def)
	}
	return def.Set(r.Set...)
}

// Events implements api.Backend: the same few events each time, and then nothing
// more until ctx ends; of the network lab there is none.
func (b *Backend) Events(ctx context.Context, r api.EventRequest) iter.Seq2[api.Event, error] {
	b.mu.Lock()
	err := b.known(r.Network)
	b.mu.Unlock()
	return func(yield func(api.Event, error) bool) {
		if err != nil {
			yield(api.Event{}, err)
			return
		}
		for _, e := range fixedEvents() {
			mine := (r.Network == "" || r.Network == e.Network) && (r.Type == "" || r.Type == e.Type)
			if (mine || e.Type == "") && !yield(e, nil) {
				return
			}
		}
		<-ctx.Done()
	}
}

// fixedEvents begin with the zero Event, as api.Backend has it.
func fixedEvents() []api.Event {
	return []api.Event{
		{},
		{Time: 1700000000.125, Type: api.EventLifecycle, Network: "default", Event: "started"},
		{Time: 1700000001, Type: api.EventPort, Network: "default", Event: "added", Port: "vnet0"},
		{Time: 1700000002, Type: api.EventLease, Network: "default", Event: "added", MAC: "52:54:00:aa:00:01", IP: "192.168.122.2", Name: "web", Expires: 1800000000, Lost: 7},
	}
}
