package dnsfwd

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
)

// Defaults of a Config's zero fields.
const (
	// DefaultCacheEntries is many times dnsmasq's 150, which busy networks outgrow.
	DefaultCacheEntries = 10_000
	// DefaultCacheBytes bounds keys and messages together.
	DefaultCacheBytes = 8 << 20
	// DefaultMaxInflight bounds questions asked at one time; each holds a socket.
	DefaultMaxInflight = 1024
	// DefaultMaxPerClient bounds the answers that one address waits for.
	DefaultMaxPerClient = 256
	// DefaultTimeout is how long an upstream may stay silent over UDP.
	DefaultTimeout = 2 * time.Second
)

const (
	// maxUDPSize is the largest UDP message sent or asked for: it crosses an
	// IPv6 path of the least MTU unfragmented (1280 − 40 − 8).
	maxUDPSize = 1232
	// minUDPSize is what every client takes (RFC 1035 §2.3.4, RFC 6891 §6.2.3).
	minUDPSize = 512
	// maxMessage is what the length prefix of TCP can tell (RFC 1035 §4.2.2).
	maxMessage = 65535

	maxWaiters   = 64
	maxUpstreams = 8
	// maxTries is how often one question goes to one silent upstream.
	maxTries = 2
	// maxOptions bounds what a client can have sent upstream, in bytes.
	maxOptions = 512

	// answerBudget covers the two tries of five seconds of a stub resolver.
	answerBudget = 10 * time.Second
	// deadFor is how long a silent upstream is tried last at first; it doubles
	// up to deadForMax while the silence lasts.
	deadFor    = 10 * time.Second
	deadForMax = time.Minute

	maxTTL         = 24 * time.Hour
	maxNegativeTTL = time.Hour // within RFC 2308 §5: one to three hours
)

// A Host is a name and one address of it. A host with several addresses is
// several Hosts.
type Host struct {
	// Name is a single label, or a name that ends in the network's domain.
	Name string
	Addr netip.Addr
}

// Config is what a Forwarder is made from. The zero Config forwards everything.
type Config struct {
	// Domain is the network's domain without dots at its ends; "" is none.
	Domain string
	// LocalOnly keeps names under Domain from going upstream.
	LocalOnly bool
	// Closed keeps every name from going upstream that is in no zone with resolvers of
	// its own: what is not answered locally is refused, as dnsmasq refuses what it
	// knows no server for.
	Closed bool
	// PlainLocal keeps names of one label from going upstream (dnsmasq's
	// domain-needed with local=//).
	PlainLocal bool
	// Zones have resolvers of their own; the longest that a name lies in counts.
	Zones []Zone
	// Records are answered beside the addresses of hosts.
	Records []Record
	// Subnets are the network's own; their reverse names never go upstream.
	Subnets []netip.Prefix
	// Self names the gateway itself. These names may lie in any domain, hosts
	// cannot take them, and an upstream with such an address is ignored, since
	// asking it would be asking oneself.
	Self []Host
	// LocalTTL is the TTL of local answers; 0, as dnsmasq's for leases, keeps
	// clients from remembering an address that may be leased anew.
	LocalTTL time.Duration

	// CacheEntries and CacheBytes bound the cache; 0 is the default, negative
	// is no cache.
	CacheEntries int
	CacheBytes   int
	// MaxInflight and MaxPerClient bound what waits for upstreams.
	MaxInflight  int
	MaxPerClient int
	// Timeout is how long an upstream may stay silent; twice that over TCP.
	Timeout time.Duration

	// Rand draws query ids and must be unpredictable (RFC 5452 §4.3); nil is
	// crypto/rand.
	Rand func() uint16
}

func (c Config) withDefaults() Config {
	c.Domain = strings.Trim(c.Domain, ".")
	c.CacheEntries = orDefault(c.CacheEntries, DefaultCacheEntries)
	c.CacheBytes = orDefault(c.CacheBytes, DefaultCacheBytes)
	c.MaxInflight = min(orDefault(c.MaxInflight, DefaultMaxInflight), 1<<11)
	c.MaxPerClient = orDefault(c.MaxPerClient, DefaultMaxPerClient)
	c.Timeout = max(orDefault(c.Timeout, DefaultTimeout), time.Millisecond)
	if c.Rand == nil {
		c.Rand = cryptoID
	}
	return c
}

func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

func cryptoID() uint16 {
	var b [2]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return binary.BigEndian.Uint16(b[:])
}
