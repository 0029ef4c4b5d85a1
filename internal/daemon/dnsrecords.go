package daemon

import (
	"ubridge/dnsfwd"
	"ubridge/internal/config"
)

// addRecords adds what a definition has beside hosts and common resolvers.
func addRecords(cfg *dnsfwd.Config, def config.Network) {
	cfg.PlainLocal = def.DNS.LocalPlain
	for _, z := range def.DNS.Domains {
		cfg.Zones = append(cfg.Zones, dnsfwd.Zone{Domain: z.Name, Upstreams: z.Upstreams})
	}
	for _, t := range def.DNS.Texts {
		cfg.Records = append(cfg.Records, dnsfwd.TXT(t.Name, t.Value))
	}
	for _, s := range def.DNS.Services {
		cfg.Records = append(cfg.Records, dnsfwd.SRV(s.Owner(def.Domain), s.Target, s.Port, s.Priority, s.Weight))
	}
}
