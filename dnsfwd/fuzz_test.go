package dnsfwd

import (
	"bytes"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func addQuerySeeds(f *testing.F) {
	edns := question("vm1.lan", dns.TypeA)
	edns.SetEdns0(4096, true)
	edns.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}}
	custom := question("example.com", dns.TypeHTTPS)
	withOption(custom)
	for _, m := range []*dns.Msg{
		question("vm1", dns.TypeA), question("vm1", dns.TypeANY), question("gone.lan", dns.TypeA),
		question("10.122.168.192.in-addr.arpa", dns.TypePTR), question("x.9.122.168.192.in-addr.arpa", dns.TypePTR),
		question("1.0.0.0.d.f.ip6.arpa", dns.TypePTR), question(".", dns.TypeNS), question("a.example", dns.TypeAXFR),
		edns, custom,
	} {
		f.Add(pack(f, m), false)
	}
	f.Add([]byte{}, true)
	f.Add(make([]byte, headerLen), true)
	f.Add(pack(f, question("a.example", dns.TypeA))[:20], false)
}

// FuzzQuery holds that whatever a guest sends, the answer is a well-formed
// response to it within the client's size, and an ask is a well-formed query.
func FuzzQuery(f *testing.F) {
	addQuerySeeds(f)
	f.Fuzz(func(t *testing.T, msg []byte, tcp bool) {
		fwd := localForwarder("lan", true)
		c := guest
		c.TCP = tcp
		before := bytes.Clone(msg)
		a := fwd.Query(start, c, msg)
		if !bytes.Equal(msg, before) {
			t.Fatal("the query was changed")
		}
		switch a.Kind {
		case Answer:
			checkReply(t, msg, a)
		case Send:
			checkAsk(t, a)
			a = only(t, fwd.Failed(start, a.Ask), Answer)
			checkReply(t, msg, a)
			idle(t, fwd)
		case Drop:
			if len(a.Msg) != 0 {
				t.Fatal("a drop with a message")
			}
		default:
			t.Fatalf("action %v", a)
		}
	})
}

func checkReply(t *testing.T, msg []byte, a Action) {
	t.Helper()
	m := unpack(t, a.Msg)
	if m.Id != be.Uint16(msg) || !m.Response {
		t.Fatalf("reply %v", m)
	}
	if !a.Client.TCP && len(a.Msg) > maxUDPSize {
		t.Fatalf("%d bytes over UDP", len(a.Msg))
	}
	if len(m.Question) == 1 && a.Verdict != MalformedQuery && !bytes.HasPrefix(a.Msg[headerLen:], questionOf(msg)) {
		t.Fatalf("the question differs in %x", a.Msg)
	}
}

// questionOf returns the question of a message known to be well formed.
func questionOf(msg []byte) []byte {
	end, err := nameEnd(msg, headerLen)
	if err != nil {
		return []byte("none")
	}
	return msg[headerLen : end+4]
}

func checkAsk(t *testing.T, a Action) {
	t.Helper()
	m := unpack(t, a.Msg)
	if m.Id != a.Ask.ID || m.Response || len(m.Question) != 1 || len(a.Msg) > maxUDPSize {
		t.Fatalf("ask %v", m)
	}
	if opt := m.IsEdns0(); opt != nil && opt.UDPSize() > maxUDPSize {
		t.Fatalf("OPT %v", opt)
	}
}

func addResponseSeeds(f *testing.F) {
	ask := Action{Msg: pack(f, question("a.example", dns.TypeA))}
	f.Add(respond(f, ask, 0, rr(f, "a.example. 60 A 192.0.2.1"))[offFlags:], false)
	f.Add(respond(f, ask, 0, rr(f, "a.example. 60 CNAME b.example."), rr(f, "b.example. 9 A 192.0.2.1"))[offFlags:], true)
	f.Add(respond(f, ask, 3, rr(f, "example. 60 SOA ns.example. h.example. 1 2 3 4 5"))[offFlags:], false)
	f.Add(respond(f, ask, 0, rr(f, "a.example. 60 TYPE65280 \\# 3 010203"))[offFlags:], false)
	f.Add(respond(f, ask, 0, rr(f, "a.example. 60 HTTPS 1 . alpn=h2"))[offFlags:], false)
	f.Add(respond(f, ask, 0, big(f)...)[offFlags:], false)
	f.Add(respond(f, ask, 2)[offFlags:], false)
	cut := respond(f, ask, 0, rr(f, "a.example. 60 A 192.0.2.1"))
	cut[offFlags] |= flagTC >> 8
	f.Add(cut[offFlags:], false)
	f.Add([]byte{0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0}, false)
}

// FuzzResponse holds that whatever an upstream sends, with the right id, the
// client gets at most one well-formed answer, and the same again from the
// cache with smaller TTLs.
func FuzzResponse(f *testing.F) {
	addResponseSeeds(f)
	f.Fuzz(func(t *testing.T, rest []byte, edns bool) {
		fwd := newTest(Config{}, first)
		q := question("A.example", dns.TypeA)
		if edns {
			q.SetEdns0(4096, true)
		}
		a := asked(t, fwd, start, guest, q)
		msg := append(be.AppendUint16(nil, a.Ask.ID), rest...)
		answers := 0
		for _, out := range fwd.Response(start, a.Ask, msg) {
			switch out.Kind {
			case Answer:
				answers++
				checkReply(t, pack(t, q), out)
			case Send:
				checkAsk(t, out)
			}
		}
		if answers > 1 || answers == 1 && fwd.inflight != 0 {
			t.Fatalf("%d answers, %d in flight", answers, fwd.inflight)
		}
		if answers == 1 {
			idle(t, fwd)
		}
		if fwd.Stats().CacheEntries == 1 {
			hit := want(t, fwd.Query(start.Add(time.Second/2), guest, pack(t, q)), Answer, CacheHit)
			checkReply(t, pack(t, q), hit)
		}
	})
}
