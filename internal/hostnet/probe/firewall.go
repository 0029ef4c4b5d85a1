package probe

import (
	"fmt"

	"github.com/google/nftables"
)

// InputDrops tells whether a base chain at the input hook drops what no rule
// accepts, and names it: iptables' INPUT, ufw's and firewalld's appear here too
// (iptables-nft). Rules in it may still accept; only the administrator can tell.
func InputDrops() (chain string, drops bool, err error) {
	conn, err := nftables.New()
	if err != nil {
		return "", false, fmt.Errorf("ask nftables: %w", err)
	}
	chains, err := conn.ListChains()
	if err != nil {
		return "", false, fmt.Errorf("list nftables chains: %w", err)
	}
	for _, c := range chains {
		input := c.Hooknum != nil && *c.Hooknum == *nftables.ChainHookInput && c.Table.Family != nftables.TableFamilyNetdev
		if input && c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop {
			return c.Table.Name + " " + c.Name, true, nil
		}
	}
	return "", false, nil
}
