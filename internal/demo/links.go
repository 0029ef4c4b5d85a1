package demo

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"ubridge/internal/testnet"
)

// link is what of a network device must be the same before and after.
type link struct {
	name, mac string
	mtu       int
	up        bool
}

func (l link) String() string {
	state := "down"
	if l.up {
		state = "up"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s mtu %d %s", l.name, state, l.mtu, l.mac))
}

// rootLinks lists the devices of the namespace that this process is in.
func rootLinks() ([]link, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network devices: %w", err)
	}
	var links []link
	for _, i := range all {
		links = append(links, link{i.Name, i.HardwareAddr.String(), i.MTU, i.Flags&net.FlagUp != 0})
	}
	return links, nil
}

func linksIn(n *testnet.NS) (links []link, err error) {
	err = n.Do(func() error {
		links, err = rootLinks()
		return err
	})
	return links, err
}

// differences tells which devices came, went or changed.
func differences(before, after []link) (changes []string) {
	for _, l := range after {
		if !slices.Contains(before, l) {
			changes = append(changes, "+ "+l.String())
		}
	}
	for _, l := range before {
		if !slices.Contains(after, l) {
			changes = append(changes, "- "+l.String())
		}
	}
	return changes
}

// ours picks the changes of devices that a tour has names for. Others are
// somebody else's: a container may start while the tour goes on.
func ours(changes []string) []string {
	return slices.DeleteFunc(slices.Clone(changes), func(change string) bool {
		name := strings.Fields(change)[1]
		return !slices.Contains([]string{"ubr0", "vnet0", "veth1", "veth2"}, name)
	})
}
