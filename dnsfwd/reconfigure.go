package dnsfwd

import "slices"

// Reconfigure takes all of c but its bounds, which go on as New was given them,
// with the hosts and the common upstreams. What is in flight is answered. Zones
// that differ empty the cache, as other upstreams do: see SetUpstreams. Upstreams
// that become, or cease to be, the gateway itself are judged when that is called
// the next time.
func (f *Forwarder) Reconfigure(c Config) {
	c = c.withDefaults()
	c.CacheEntries, c.CacheBytes, c.MaxInflight = f.cfg.CacheEntries, f.cfg.CacheBytes, f.cfg.MaxInflight
	c.MaxPerClient, c.Timeout, c.Rand = f.cfg.MaxPerClient, f.cfg.Timeout, f.cfg.Rand
	same := slices.EqualFunc(f.cfg.Zones, c.Zones, func(a, b Zone) bool {
		return a.Domain == b.Domain && slices.Equal(a.Upstreams, b.Upstreams)
	})
	f.cfg = c
	f.domain, _ = packName(f.cfg.Domain)
	f.hosts = newHostTable(&f.cfg, f.given)
	f.records = f.newRecords()
	if !same {
		f.zones = f.newZones()
		f.epoch++
		f.cache.flush()
		clear(f.pendings)
	}
}
