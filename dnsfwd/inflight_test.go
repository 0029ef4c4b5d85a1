package dnsfwd

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

func TestSameQuestionIsAskedOnce(t *testing.T) {
	f := newTest(Config{}, first)
	a := asked(t, f, start, guest, question("www.example.com", dns.TypeA))
	other := question("WWW.Example.com", dns.TypeA)
	other.Id = 99
	want(t, f.Query(start, client(1), pack(t, other)), Wait, Joined)
	want(t, f.Query(start, guest, pack(t, question("www.example.com", dns.TypeA))), Drop, Retransmitted)

	out := f.Response(start, a.Ask, respond(t, a, 0, rr(t, "www.example.com. 60 A 192.0.2.9")))
	got := map[uint64]*dns.Msg{}
	for _, a := range out {
		if a.Kind == Answer {
			got[a.Client.Token] = unpack(t, a.Msg)
		}
	}
	if len(got) != 2 || got[guest.Token].Id != 7 || got[client(1).Token].Id != 99 {
		t.Fatalf("answers %v", got)
	}
	if name := got[client(1).Token].Answer[0].Header().Name; name != "WWW.Example.com." {
		t.Errorf("the second client's spelling became %s", name)
	}
	idle(t, f)
}

func TestDifferentQuestionsAreNotShared(t *testing.T) {
	edits := map[string]func(*dns.Msg){
		"type":           func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA },
		"class":          func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		"DO":             func(m *dns.Msg) { m.SetEdns0(1232, true) },
		"EDNS":           func(m *dns.Msg) { m.SetEdns0(1232, false) },
		"CD":             func(m *dns.Msg) { m.CheckingDisabled = true },
		"RD":             func(m *dns.Msg) { m.RecursionDesired = false },
		"other options":  withOption,
		"name's letters": func(m *dns.Msg) { m.Question[0].Name = "b.example." },
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			f := newTest(Config{}, first)
			asked(t, f, start, guest, question("a.example", dns.TypeA))
			m := question("a.example", dns.TypeA)
			edit(m)
			asked(t, f, start, client(1), m)
		})
	}
}

func withOption(m *dns.Msg) {
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: dns.EDNS0LOCALSTART, Data: []byte("x")}}
}

func TestLimits(t *testing.T) {
	t.Run("in flight", func(t *testing.T) {
		f := newTest(Config{MaxInflight: 3}, first)
		for i := range 3 {
			asked(t, f, start, client(i), question(fmt.Sprintf("n%d.example", i), dns.TypeA))
		}
		a := want(t, f.Query(start, client(9), pack(t, question("more.example", dns.TypeA))), Answer, Busy)
		if m := unpack(t, a.Msg); m.Rcode != dns.RcodeServerFailure {
			t.Errorf("reply %v", m)
		}
		want(t, f.Query(start, client(9), pack(t, question("n1.example", dns.TypeA))), Wait, Joined)
	})
	t.Run("one client", func(t *testing.T) {
		f := newTest(Config{MaxPerClient: 2}, first)
		a := asked(t, f, start, guest, question("a.example", dns.TypeA))
		asked(t, f, start, guest, question("b.example", dns.TypeA))
		want(t, f.Query(start, guest, pack(t, question("c.example", dns.TypeA))), Answer, ClientBusy)
		again := question("b.example", dns.TypeA)
		again.Id = 8
		want(t, f.Query(start, guest, pack(t, again)), Answer, ClientBusy)
		asked(t, f, start, client(1), question("c.example", dns.TypeA))
		f.Response(start, a.Ask, respond(t, a, 0))
		asked(t, f, start, guest, question("d.example", dns.TypeA))
	})
	t.Run("waiters", func(t *testing.T) {
		f := newTest(Config{}, first)
		asked(t, f, start, guest, question("a.example", dns.TypeA))
		for i := 1; i < maxWaiters; i++ {
			want(t, f.Query(start, client(i), pack(t, question("a.example", dns.TypeA))), Wait, Joined)
		}
		want(t, f.Query(start, client(maxWaiters), pack(t, question("a.example", dns.TypeA))), Answer, WaitersFull)
	})
}

// An id that is in use must not be given to a second ask, whatever Rand says.
func TestIDsAreUnique(t *testing.T) {
	f := newTest(Config{Rand: func() uint16 { return 65535 }}, first)
	seen := map[uint16]bool{}
	for i := range 10 {
		a := asked(t, f, start, guest, question(fmt.Sprintf("n%d.example", i), dns.TypeA))
		if seen[a.Ask.ID] {
			t.Fatalf("id %d twice", a.Ask.ID)
		}
		seen[a.Ask.ID] = true
	}
}

func TestDefaultIDsAreRandom(t *testing.T) {
	f := New(Config{})
	seen := map[uint16]bool{}
	for range 64 {
		seen[f.newID()] = true
	}
	if len(seen) < 32 {
		t.Errorf("%d distinct ids of 64", len(seen))
	}
}
