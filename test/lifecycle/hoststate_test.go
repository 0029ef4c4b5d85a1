package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// hostState is what a daemon could leave behind on a host: a title → the lines
// of a listing, in an order that does not matter.
type hostState map[string][]string

// stateOf lists links, addresses, routes, rules, neighbours' settings, traffic
// control, firewall, sysctls and packet sockets.
func stateOf(n *testnet.NS) hostState {
	s := hostState{}
	for title, command := range map[string]string{
		"links":      "ip -d -o link | sed 's/[a-z_]*_timer *[0-9.]*//g'", // a bridge's timers run
		"addresses":  "ip -o addr",
		"routes":     "ip route show table all; ip -6 route show table all",
		"rules":      "ip rule; ip -6 rule",
		"qdiscs":     "tc qdisc show",
		"ruleset":    "nft list ruleset",
		"sockets":    "ss -H -a -n -t -u -w -0 | awk '{print $1, $2, $5}'",
		"parameters": "sysctl -a 2>/dev/null | grep '^net\\.ipv[46]\\.\\(conf\\|neigh\\|ip_\\)'",
	} {
		s[title] = lines(n.Run("sh", "-c", command))
	}
	for device := range strings.FieldsSeq(n.Run("sh", "-c", "ip -o link | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/'")) {
		for _, way := range []string{"ingress", "egress"} {
			s["filters of "+device+" "+way] = lines(n.Run("tc", "filter", "show", "dev", device, way))
		}
	}
	return s
}

func lines(text string) []string {
	list := strings.Split(strings.TrimRight(text, "\n"), "\n")
	slices.Sort(list)
	return list
}

// unchanged compares with an earlier state.
func unchanged(t *testing.T, n *lab.Net, before hostState, after string) {
	t.Helper()
	if diff := cmp.Diff(before, stateOf(n.Host)); diff != "" {
		t.Errorf("after %s the host is not as it was, before - after +:\n%s", after, diff)
	}
}

// differs holds a state to be sensitive: a test that compares two must be able
// to fail.
func (s hostState) differs(o hostState, title string) error {
	if slices.Equal(s[title], o[title]) {
		return fmt.Errorf("%s are as before", title)
	}
	return nil
}
