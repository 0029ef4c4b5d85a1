package demo

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
)

func TestNamesOfTheOutside(t *testing.T) {
	for _, c := range []struct {
		host, addr, err string
	}{
		{serverName, serverFar, ""},
		{strings.ToUpper(serverName), serverFar, ""},
		{"elsewhere.example", "", "no address in the answer (RCodeNameError)"},
	} {
		query, id, err := question(c.host)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := answerName(query)
		if err != nil {
			t.Fatal(err)
		}
		addr, err := firstA(answer, id)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: %v, want %s", c.host, err, c.err)
			}
			continue
		}
		if err != nil || addr != netip.MustParseAddr(c.addr) {
			t.Errorf("%s: %v, %v; want %s", c.host, addr, err, c.addr)
		}
		if _, err := firstA(answer, id+1); err == nil {
			t.Errorf("%s: an answer to another question was taken", c.host)
		}
	}
}

func TestOutsideAnswersQuestionsOnly(t *testing.T) {
	answer, err := (&dnsmessage.Message{Header: dnsmessage.Header{Response: true}}).Pack()
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range [][]byte{nil, {1, 2, 3}, answer} {
		if got, err := answerName(query); err == nil {
			t.Errorf("% x was answered by % x", query, got)
		}
	}
}

func TestDifferences(t *testing.T) {
	eth0 := link{"eth0", "02:00:00:00:00:01", 1500, true}
	smaller := eth0
	smaller.mtu = 1400
	ubr0 := link{"ubr0", "52:54:00:00:00:01", 1500, true}
	changes := differences([]link{eth0}, []link{smaller, ubr0})
	want := []string{
		"+ eth0 up mtu 1400 02:00:00:00:00:01",
		"+ ubr0 up mtu 1500 52:54:00:00:00:01",
		"- eth0 up mtu 1500 02:00:00:00:00:01",
	}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[1:2], ours(changes)); diff != "" {
		t.Errorf("the changes that a tour answers for: %s", diff)
	}
	if same := differences([]link{eth0, ubr0}, []link{ubr0, eth0}); len(same) != 0 {
		t.Errorf("the same devices in another order differ: %q", same)
	}
}

func TestTail(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""}, {"a\n", "a"}, {"a\nb\n", "a\nb"}, {"a\nb\nc\nd\n", "(2 lines before)\nc\nd"},
	} {
		if got := tail(c.text, 2); got != c.want {
			t.Errorf("tail of %q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestScreen(t *testing.T) {
	show := func(tty, color bool) string {
		var out bytes.Buffer
		s := newScreen(Options{Out: &out, TTY: tty, Color: color})
		s.running("fdb")
		s.done("fdb", 1234*time.Millisecond, "$ ubridge fdb\nport\nveth1\n")
		s.running("ping")
		s.failed("ping", time.Second, "no reply")
		return out.String()
	}
	table := "        port\n        veth1\n"
	for _, c := range []struct {
		tty, color bool
		want       string
	}{
		{false, false, "  ok       1.23 s  fdb               $ ubridge fdb\n" + table +
			"  FAILED   1.00 s  ping              no reply\n"},
		{true, false, "  …           fdb" + erase + "  ✓   1.23 s  fdb               $ ubridge fdb\n" + table +
			"  …           ping" + erase + "  ✗   1.00 s  ping              no reply\n"},
		{true, true, "  … \x1b[2m        \x1b[0m  fdb" + erase + "  \x1b[32m✓\x1b[0m \x1b[2m  1.23 s\x1b[0m  fdb               $ ubridge fdb\n" + table +
			"  … \x1b[2m        \x1b[0m  ping" + erase + "  \x1b[31m✗\x1b[0m \x1b[2m  1.00 s\x1b[0m  ping              no reply\n"},
	} {
		if diff := cmp.Diff(c.want, show(c.tty, c.color)); diff != "" {
			t.Errorf("tty %v, color %v: %s", c.tty, c.color, diff)
		}
	}
}

func TestRunnerKeepsTheFirstFailure(t *testing.T) {
	r := &runner{}
	var order []string
	r.Cleanup(func() { order = append(order, "first") })
	r.Cleanup(func() { r.Fatalf("at clean-up") })
	r.Cleanup(func() { panic("of a clean-up") })
	r.isolate(func() {
		r.Fatalf("the %s", "cause")
		order = append(order, "not reached")
	})
	r.cleanUp()
	r.cleanUp() // nothing is left to do
	if diff := cmp.Diff([]string{"first"}, order); diff != "" || r.reason() != "the cause" {
		t.Errorf("reason %q; %s", r.reason(), diff)
	}
}
