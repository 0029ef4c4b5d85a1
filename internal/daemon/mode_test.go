package daemon

import (
	"slices"
	"testing"

	"ubridge/internal/config"
)

// Which devices are opened, and to which of our networks others' guests may come
// masqueraded, follows from all running networks together.
func TestScopeOfNetworks(t *testing.T) {
	def := func(mode config.Mode, uplink string, egress ...string) config.Network {
		n := config.DefaultIn("x", mode)
		n.Uplink, n.NAT.Egress = uplink, egress
		return n
	}
	for name, c := range map[string]struct {
		defs       map[string]config.Network // by host port
		masked     []string
		everywhere bool
		bound      []string
	}{
		"nat alone":               {defs: map[string]config.Network{"ubr0": def(config.ModeNAT, "")}},
		"route alone":             {defs: map[string]config.Network{"ubr0": def(config.ModeRoute, "")}, everywhere: true},
		"nat beside route":        {defs: map[string]config.Network{"ubr0": def(config.ModeNAT, ""), "ubr1": def(config.ModeRoute, "")}, masked: []string{"ubr1"}, everywhere: true},
		"isolated beside open":    {defs: map[string]config.Network{"ubr0": def(config.ModeIsolated, ""), "ubr1": def(config.ModeOpen, "")}, everywhere: true},
		"nat bound to a device":   {defs: map[string]config.Network{"ubr0": def(config.ModeNAT, "eth1"), "ubr1": def(config.ModeRoute, "")}, everywhere: true},
		"nat bound to route":      {defs: map[string]config.Network{"ubr0": def(config.ModeNAT, "ubr1"), "ubr1": def(config.ModeRoute, "")}, masked: []string{"ubr1"}, everywhere: true},
		"route bound":             {defs: map[string]config.Network{"ubr0": def(config.ModeNAT, ""), "ubr1": def(config.ModeRoute, "eth1")}, bound: []string{"eth1"}},
		"nat in another's egress": {defs: map[string]config.Network{"ubr0": def(config.ModeNAT, "", "ubr1"), "ubr1": def(config.ModeNAT, "")}, masked: []string{"ubr1"}},
	} {
		nets := map[string]*network{}
		for device, def := range c.defs {
			nets[device] = &network{def: def, device: device}
		}
		s := scopeOf(nets)
		var masked []string
		for device, in := range s.inside {
			if in.masked {
				masked = append(masked, device)
			}
		}
		if len(s.inside) != len(nets) || !slices.Equal(masked, c.masked) || s.everywhere != c.everywhere || !slices.Equal(s.bound, c.bound) {
			t.Errorf("%s: masked %v, everywhere %v, bound %v", name, masked, s.everywhere, s.bound)
		}
	}
}
