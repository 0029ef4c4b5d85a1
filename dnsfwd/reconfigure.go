package dnsfwd

// Reconfigure changes the names that the network has of its own: Domain,
// LocalOnly, Subnets, Self and LocalTTL are taken from c. Hosts and what is in
// flight stay; bounds and cache go on as New was given them. Upstreams that
// become, or cease to be, the gateway itself are judged when SetUpstreams is
// called the next time.
func (f *Forwarder) Reconfigure(c Config) {
	c = c.withDefaults()
	f.cfg.Domain, f.cfg.LocalOnly, f.cfg.Subnets = c.Domain, c.LocalOnly, c.Subnets
	f.cfg.Self, f.cfg.LocalTTL = c.Self, c.LocalTTL
	f.domain, _ = packName(f.cfg.Domain)
	f.hosts = newHostTable(&f.cfg, f.given)
}
