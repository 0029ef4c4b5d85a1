package demo

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"

	"ubridge/internal/testnet"
)

// resolver asks for the IPv4 addresses of a name, from a namespace.
type resolver struct {
	name string
	ask  func(ctx context.Context, n *testnet.NS, host string) (string, error)
}

// chooseResolver takes the tool that tells the most of those installed.
func chooseResolver() resolver {
	tool := func(name string, args ...string) resolver {
		return resolver{name, func(ctx context.Context, n *testnet.NS, host string) (string, error) {
			return n.TryContext(ctx, append(args, host)...)
		}}
	}
	switch {
	case installed("dig"):
		return tool("dig", "dig", "+short", "+tries=3", "+time=2")
	case busyboxHas("nslookup"):
		return tool("busybox nslookup", "busybox", "nslookup", "-type=a")
	case installed("getent"):
		return tool("getent", "getent", "ahostsv4")
	}
	return resolver{"a resolver of the demo's own", builtinAsk}
}

func builtinAsk(ctx context.Context, n *testnet.NS, host string) (string, error) {
	addr, err := lookup(ctx, n, host)
	return addr.String(), err
}

// busyboxHas reports whether a busybox is installed that has the applet.
func busyboxHas(applet string) bool {
	out, err := exec.Command("busybox", "--list").Output()
	return err == nil && slices.Contains(strings.Fields(string(out)), applet)
}

func (t *tour) askNames() string {
	r := chooseResolver()
	for _, q := range []struct{ host, want string }{
		{secondName, t.secondAddr}, // by its lease
		{serverName, serverFar},    // by the host's resolver
	} {
		out, err := r.ask(t.ctx, t.first, q.host)
		if err != nil {
			t.Fatalf("guest1 asks for %s: %v", q.host, err)
		}
		if !slices.ContainsFunc(strings.Fields(out), sameAddr(q.want)) {
			t.Fatalf("guest1 asks for %s: want %s, the answer is:\n%s", q.host, q.want, out)
		}
	}
	return fmt.Sprintf("guest1 asks by %s: guest2 is %s, %s is %s (forwarded)", r.name, t.secondAddr, serverName, serverFar)
}

// sameAddr compares words with an address; a tool may write a port behind it.
func sameAddr(want string) func(string) bool {
	return func(word string) bool {
		addr, err := netip.ParseAddr(word)
		return err == nil && addr.String() == want
	}
}
