package services

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ubridge/test/lab"
)

func TestForwardedNames(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "svcforward")
	d := n.Start(lab.Options{})
	g := d.Join("one")
	for _, over := range []string{overUDP, overTCP} {
		expect(t, g, "NOERROR", []string{lab.ServerAddr}, over, lab.ServerName)
		expect(t, g, "NOERROR", []string{lab.ServerAddr}, over, "www."+lab.ServerName)
	}
	a := expect(t, g, "NOERROR", []string{lab.ServerAddr}, "+edns=0", "+bufsize=1232", lab.ServerName)
	if !a.edns || !slices.Contains(a.flags, "ra") {
		t.Errorf("a query with EDNS is answered by:\n%s", a.text)
	}
	if a := expect(t, g, "NOERROR", []string{lab.ServerAddr}, "+noedns", lab.ServerName); a.edns {
		t.Errorf("a query without EDNS is answered by:\n%s", a.text)
	}
}

// TestCacheCountsDown has a name with a TTL asked twice: the resolver outside
// hears one query.
func TestCacheCountsDown(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "svccache")
	n.Server.Addr("eth0", "10.9.0.3/24")
	r := n.Resolve(n.Server, "10.9.0.3", "--address=/cached.test/203.0.113.7", "--local-ttl=600")
	n.Host.Etc("resolv.conf", "nameserver 10.9.0.3\n")
	g := n.Start(lab.Options{}).Join("one")
	want := []string{"203.0.113.7"}
	first := expect(t, g, "NOERROR", want, "cached.test")
	time.Sleep(2100 * time.Millisecond)
	for _, over := range []string{overUDP, overTCP} {
		second := expect(t, g, "NOERROR", want, over, "cached.test")
		if t.Failed() {
			return
		}
		if gone := first.ttl[0] - second.ttl[0]; gone < 2 || gone > 15 {
			t.Errorf("%s: TTL %d after %d", over, second.ttl[0], first.ttl[0])
		}
	}
	if asked := asked(r, "cached.test"); asked != 1 {
		t.Errorf("the resolver was asked %d times:\n%s", asked, r.Output())
	}
}

// TestLargeAnswer does not fit a datagram: dig is told so and comes by TCP.
func TestLargeAnswer(t *testing.T) {
	t.Parallel()
	n := lab.New(t, "svclarge")
	n.Server.Addr("eth0", "10.9.0.3/24")
	piece := strings.Repeat("0123456789", 20)
	var pieces, quoted []string
	for range 20 {
		pieces = append(pieces, piece)
		quoted = append(quoted, `"`+piece+`"`)
	}
	n.Resolve(n.Server, "10.9.0.3", "--txt-record=large.test,"+strings.Join(pieces, ","))
	n.Host.Etc("resolv.conf", "nameserver 10.9.0.3\n")
	g := n.Start(lab.Options{}).Join("one")
	want := []string{strings.Join(quoted, " ")}

	for _, size := range []string{"+noedns", "+bufsize=1232"} {
		cut, err := dig(g, "+ignore", size, "large.test", "TXT")
		if err != nil || !slices.Contains(cut.flags, "tc") || len(cut.data) != 0 {
			t.Errorf("%s over UDP: %v, want a truncated answer:\n%s", size, err, cut.text)
		}
		whole := expect(t, g, "NOERROR", want, size, "large.test", "TXT")
		if !strings.Contains(whole.text, "retrying in TCP") {
			t.Errorf("%s: dig did not come by TCP:\n%s", size, whole.text)
		}
	}
	expect(t, g, "NOERROR", want, overTCP, "large.test", "TXT")
}

// TestFailover stops the first of two resolvers in its tracks, so that it is
// silent, and then ends it, so that it is refused.
func TestFailover(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "svcfailover")
	n.Server.Addr("eth0", "10.9.0.3/24")
	first := n.Resolve(n.Server, lab.RouterAddr, "--address=/who.test/192.0.2.1", "--local-ttl=0")
	n.Resolve(n.Server, "10.9.0.3", "--address=/who.test/192.0.2.3", "--local-ttl=0")
	n.Host.Etc("resolv.conf", "nameserver "+lab.RouterAddr+"\nnameserver 10.9.0.3\n")
	g := n.Start(lab.Options{}).Join("one")
	expect(t, g, "NOERROR", []string{"192.0.2.1"}, "a.who.test")
	first.Signal(syscall.SIGSTOP)
	expect(t, g, "NOERROR", []string{"192.0.2.3"}, "+time=8", "b.who.test")
	first.Signal(syscall.SIGCONT)
	first.Kill()
	expect(t, g, "NOERROR", []string{"192.0.2.3"}, "c.who.test")
}

// TestResolversAreFollowed starts without a resolver and changes them later.
func TestResolversAreFollowed(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "svcfollow")
	n.Server.Addr("eth0", "10.9.0.3/24")
	d := n.Start(lab.Options{})
	g := d.Join("one")
	expect(t, g, "SERVFAIL", nil, "a.who.test")
	expect(t, g, "NOERROR", []string{g.Addr}, "one")

	n.Resolve(n.Server, lab.RouterAddr, "--address=/who.test/192.0.2.1", "--local-ttl=0")
	n.Host.Etc("resolv.conf", "nameserver "+lab.RouterAddr+"\n")
	await(n, g, "NOERROR", []string{"192.0.2.1"}, "b.who.test")

	n.Resolve(n.Server, "10.9.0.3", "--address=/who.test/192.0.2.3", "--local-ttl=0")
	n.Host.Etc("resolv.conf", "# another\noptions edns0\nnameserver 10.9.0.3\n")
	await(n, g, "NOERROR", []string{"192.0.2.3"}, "c.who.test")
	if got := d.Info("default").Upstreams; !slices.Equal(got, []string{"10.9.0.3:53"}) {
		t.Errorf("net info: upstreams %v", got)
	}
}

// TestResolverOnTheHostsLoopback is asked from the host's own stack, as
// systemd-resolved's stub is.
func TestResolverOnTheHostsLoopback(t *testing.T) {
	t.Parallel()
	n := lab.Quiet(t, "svcloop")
	n.Resolve(n.Host, "127.0.0.53", "--address=/who.test/192.0.2.53")
	n.Host.Etc("resolv.conf", "nameserver 127.0.0.53\n")
	g := n.Start(lab.Options{}).Join("one")
	for _, over := range []string{overUDP, overTCP} {
		expect(t, g, "NOERROR", []string{"192.0.2.53"}, over, "who.test")
	}
}
