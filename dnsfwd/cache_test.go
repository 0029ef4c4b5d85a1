package dnsfwd

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

// lookup resolves a question, giving the records where it goes upstream, and
// tells whether it was served from the cache.
func lookup(t testing.TB, f *Forwarder, now time.Time, m *dns.Msg, rcode int, rrs ...dns.RR) (*dns.Msg, bool) {
	t.Helper()
	a := f.Query(now, guest, pack(t, m))
	if a.Kind == Answer {
		want(t, a, Answer, CacheHit)
		return unpack(t, a.Msg), true
	}
	out := f.Response(now, a.Ask, respond(t, a, rcode, rrs...))
	return unpack(t, want(t, only(t, out, Answer), Answer, Resolved).Msg), false
}

func TestWhatIsCached(t *testing.T) {
	soa := func(ttl, minimum int) dns.RR {
		return rr(t, "example. %d IN SOA ns.example. hostmaster.example. 1 2 3 4 %d", ttl, minimum)
	}
	a := func(ttl int) dns.RR { return rr(t, "a.example. %d A 192.0.2.1", ttl) }
	cname := rr(t, "a.example. 50 CNAME b.example.")
	tests := []struct {
		name  string
		rcode int
		rrs   []dns.RR
		life  int // seconds; 0: not cached
	}{
		{"address", 0, []dns.RR{a(100)}, 100},
		{"least TTL", 0, []dns.RR{cname, rr(t, "b.example. 200 A 192.0.2.1")}, 50},
		{"zero TTL", 0, []dns.RR{a(0)}, 0},
		{"TTL with the upper bit", 0, []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "a.example.", Rrtype: dns.TypeA, Class: 1, Ttl: 1 << 31}, A: []byte{192, 0, 2, 1}}}, 0},
		{"TTL of a week", 0, []dns.RR{a(7 * 86400)}, 86400},
		{"no data", 0, []dns.RR{soa(300, 60)}, 60},
		{"no data behind an alias", 0, []dns.RR{cname, soa(300, 60)}, 50},
		{"no name", dns.RcodeNameError, []dns.RR{soa(30, 60)}, 30},
		{"no name for a day", dns.RcodeNameError, []dns.RR{soa(86400, 86400)}, 3600},
		{"no name, no SOA", dns.RcodeNameError, nil, 0},
		{"referral", 0, nil, 0},
		{"alias alone", 0, []dns.RR{cname}, 0},
		{"not implemented", dns.RcodeNotImplemented, []dns.RR{a(100)}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := question("a.example", dns.TypeA)
			f := newTest(Config{}, first)
			reply, _ := lookup(t, f, start, m, tt.rcode, tt.rrs...)
			if reply.Rcode != tt.rcode {
				t.Fatalf("reply %v", reply)
			}
			again, hit := lookup(t, f, start, m, tt.rcode, tt.rrs...)
			if hit != (tt.life > 0) {
				t.Fatalf("cached %v, want life %d", hit, tt.life)
			}
			if diff := cmp.Diff(reply.String(), again.String()); diff != "" {
				t.Errorf("first and cached reply differ\n%s", diff)
			}
			if tt.life == 0 {
				return
			}
			end := start.Add(time.Duration(tt.life) * time.Second)
			if _, hit := lookup(t, f, end.Add(-1), m, tt.rcode, tt.rrs...); !hit {
				t.Error("gone before its time")
			}
			if _, hit := lookup(t, f, end, m, tt.rcode, tt.rrs...); hit {
				t.Error("served after its time")
			}
		})
	}
}

func TestPrivateQuestionsAreNotCached(t *testing.T) {
	edits := map[string]func(*dns.Msg){
		"CHAOS":         func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		"ANY":           func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeANY },
		"RD clear":      func(m *dns.Msg) { m.RecursionDesired = false },
		"other options": withOption,
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			f := newTest(Config{}, first)
			m := question("a.example", dns.TypeA)
			edit(m)
			for range 2 {
				if _, hit := lookup(t, f, start, m, 0, rr(t, "a.example. 60 A 192.0.2.1")); hit {
					t.Error("served from the cache")
				}
			}
			if n := f.Stats().CacheEntries; n != 0 {
				t.Errorf("%d entries", n)
			}
		})
	}
}

func TestDOAndCDAreCachedApart(t *testing.T) {
	f := newTest(Config{}, first)
	for i := range 4 {
		m := question("a.example", dns.TypeA)
		m.SetEdns0(1232, i&1 != 0)
		m.CheckingDisabled = i&2 != 0
		if _, hit := lookup(t, f, start, m, 0, rr(t, "a.example. 60 A 192.0.2.1")); hit {
			t.Errorf("DO %d, CD %d is served another's answer", i&1, i>>1)
		}
	}
	if _, hit := lookup(t, f, start, question("A.EXAMPLE", dns.TypeA), 0); !hit {
		t.Error("without EDNS it is asked again")
	}
}

// TestCacheAgainstModel compares with a cache that keeps, for each name, the
// records and when they came, and works TTLs out anew for every look-up.
func TestCacheAgainstModel(t *testing.T) {
	type stored struct {
		at   time.Time
		ttls []uint32
	}
	rapid.Check(t, func(rt *rapid.T) {
		f := newTest(Config{}, first)
		model := map[string]stored{}
		now := start
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(rt, "ms")) * time.Millisecond)
			name := rapid.SampledFrom([]string{"a.example.", "b.example.", "c.example."}).Draw(rt, "name")
			fresh := rapid.SliceOfN(rapid.Uint32Range(0, 12), 1, 4).Draw(rt, "ttls")
			var rrs []dns.RR
			for i, ttl := range fresh {
				rrs = append(rrs, rr(t, "%s %d A 192.0.2.%d", name, ttl, i+1))
			}
			reply, hit := lookup(t, f, now, question(name, dns.TypeA), 0, rrs...)

			was, known := model[name]
			expect, left := fresh, uint32(0)
			if known {
				left = uint32(now.Sub(was.at) / time.Second)
				for _, ttl := range was.ttls {
					known = known && now.Sub(was.at) < time.Duration(ttl)*time.Second
				}
			}
			if known {
				expect = nil
				for _, ttl := range was.ttls {
					expect = append(expect, ttl-left)
				}
			} else {
				model[name] = stored{now, fresh}
			}
			if hit != known {
				rt.Fatalf("%s: cached %v, model says %v", name, hit, known)
			}
			var got []uint32
			for _, r := range reply.Answer {
				got = append(got, r.Header().Ttl)
			}
			if diff := cmp.Diff(expect, got); diff != "" {
				rt.Fatalf("%s: TTLs %s", name, diff)
			}
		}
	})
}

// TestCacheBoundsAgainstModel compares with a list in order of use.
func TestCacheBoundsAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(0, 5).Draw(rt, "entries")
		bytes := rapid.IntRange(0, 4).Draw(rt, "hundreds") * 400
		c := newCache(limit, bytes)
		var model []*entry // the last is the most recently used
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			key := fmt.Sprint(rapid.IntRange(0, 7).Draw(rt, "key"))
			at := -1
			for i, e := range model {
				if e.key == key {
					at = i
				}
			}
			var had *entry
			if at >= 0 {
				had = model[at]
				model = append(model[:at:at], model[at+1:]...)
			}
			if rapid.Bool().Draw(rt, "put") {
				had = &entry{key, &answer{msg: make([]byte, rapid.IntRange(1, 700).Draw(rt, "size")), life: time.Hour}, start}
				c.put(start, key, had.answer)
			} else if got, _ := c.get(start, []byte(key)); (got != nil) != (had != nil) || (got != nil && got != had.answer) {
				rt.Fatalf("key %s: got %v, model %v", key, got, had)
			}
			if had != nil {
				model = append(model, had)
			}
			model = evict(model, limit, bytes)
			checkSame(rt, c, model)
		}
	})
}

func evict(model []*entry, limit, bytes int) []*entry {
	for len(model) > limit || cost(model) > bytes {
		model = model[1:]
	}
	return model
}

func cost(model []*entry) (n int) {
	for _, e := range model {
		n += e.cost()
	}
	return n
}

func checkSame(t *rapid.T, c *cache, model []*entry) {
	keys := map[string]bool{}
	for _, e := range model {
		keys[e.key] = true
	}
	have := map[string]bool{}
	for k := range c.entries {
		have[k] = true
	}
	if !maps.Equal(keys, have) || c.bytes != cost(model) || c.order.Len() != len(model) {
		t.Fatalf("cache has %v in %d bytes, model %v in %d", have, c.bytes, keys, cost(model))
	}
}
