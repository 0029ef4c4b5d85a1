package steer

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ruleset is the nftables backend: one chain for each device in the table
// `ubridge` of family netdev, and the set of outside addresses.
type ruleset struct {
	first, last uint16
	outside     []nftables.SetElement
	routed      []Routed
	uplinks     map[int]bool // interface indices of those attached
}

func newNFT(first, last uint16) (*ruleset, error) {
	if _, err := chains(); err != nil {
		return nil, fmt.Errorf("nftables steering (needs CAP_NET_ADMIN and nf_tables): %w", err)
	}
	return &ruleset{first: first, last: last, uplinks: map[int]bool{}}, nil
}

func table() *nftables.Table {
	return &nftables.Table{Name: "ubridge", Family: nftables.TableFamilyNetdev}
}

// outsideSet names the set; the ID needs to be unique within a batch only, and
// one of our own spares the library its global counter.
func outsideSet(t *nftables.Table) *nftables.Set {
	return &nftables.Set{Table: t, Name: "outside", ID: 1, KeyType: nftables.TypeIPAddr}
}

// attach makes the device's chain or rewrites it, in one transaction.
func (n *ruleset) attach(r role, ifindex int) error {
	name, err := deviceName(ifindex)
	if err != nil {
		return fmt.Errorf("attach %s: %w", r, err)
	}
	c := &nftables.Conn{}
	chain := c.AddChain(ingressChain(c.AddTable(table()), r, name))
	c.FlushChain(chain)
	rules := [][]expr.Any{dropAll()}
	if r == uplinkRole {
		set, err := n.fillOutside(c, chain.Table)
		if err != nil {
			return err
		}
		rules = [][]expr.Any{dropRange(set, n.first, n.last)}
		for _, subnet := range n.routed {
			rules = append(rules, dropRouted(subnet))
		}
	}
	for _, rule := range rules {
		c.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: rule})
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables chain on %s: %w", name, err)
	}
	if r == uplinkRole {
		n.uplinks[ifindex] = true
	}
	// A predecessor may have run on BPF, with maps that nobody fills any more.
	return removeFilter(r, ifindex)
}

func ingressChain(t *nftables.Table, r role, device string) *nftables.Chain {
	return &nftables.Chain{
		Table:    t,
		Name:     chainName(r, device),
		Type:     nftables.ChainTypeFilter,
		Hooknum:  nftables.ChainHookIngress,
		Priority: nftables.ChainPriorityRaw,
		Device:   device,
	}
}

func chainName(r role, device string) string { return r.String() + "-" + device }

func (n *ruleset) detach(r role, ifindex int) error {
	if r == uplinkRole {
		delete(n.uplinks, ifindex)
	}
	return errors.Join(removeChain(r, ifindex), removeFilter(r, ifindex))
}

// removeChain deletes the device's chain, those of devices that are gone (on newer
// kernels, seen on 6.18, a chain waits for its device to return), and the table with its
// last chain.
func removeChain(r role, ifindex int) error {
	name, err := deviceName(ifindex)
	if err != nil && !errors.As(err, new(netlink.LinkNotFoundError)) {
		return fmt.Errorf("detach %s: %w", r, err)
	}
	all, err := chains()
	if err != nil {
		return err
	}
	left := 0
	for _, chain := range all {
		if chain.Name != chainName(r, name) && !orphaned(chain) {
			left++
		} else if err := deleteChain(chain); err != nil {
			return err
		}
	}
	if len(all) == 0 || left > 0 {
		return nil
	}
	return removeTable()
}

// orphaned reports that the chain's device does not exist.
func orphaned(chain *nftables.Chain) bool {
	for _, r := range []role{silenceRole, uplinkRole} {
		device, ok := strings.CutPrefix(chain.Name, chainName(r, ""))
		if !ok {
			continue
		}
		_, err := netlink.LinkByName(device)
		return errors.As(err, new(netlink.LinkNotFoundError))
	}
	return false
}

func deleteChain(chain *nftables.Chain) error {
	c := &nftables.Conn{}
	c.FlushChain(chain)
	c.DelChain(chain)
	if err := c.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove nftables chain %s: %w", chain.Name, err)
	}
	return nil
}

func removeTable() error {
	c := &nftables.Conn{}
	c.DelTable(table())
	if err := c.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove nftables table: %w", err)
	}
	return nil
}

// chains lists what hangs in our table, nothing if there is no table.
func chains() ([]*nftables.Chain, error) {
	c := &nftables.Conn{}
	all, err := c.ListChainsOfTableFamily(nftables.TableFamilyNetdev)
	if err != nil {
		return nil, fmt.Errorf("list nftables chains: %w", err)
	}
	var ours []*nftables.Chain
	for _, chain := range all {
		if chain.Table.Name == table().Name {
			chain.Table.Family = nftables.TableFamilyNetdev
			ours = append(ours, chain)
		}
	}
	return ours, nil
}

// setOutside rewrites the set in one transaction.
func (n *ruleset) setOutside(addrs []netip.Addr) error {
	n.outside = n.outside[:0]
	for _, a := range addrs {
		n.outside = append(n.outside, nftables.SetElement{Key: a.Unmap().AsSlice()})
	}
	c := &nftables.Conn{}
	if _, err := n.fillOutside(c, c.AddTable(table())); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables set of outside addresses: %w", err)
	}
	return nil
}

// fillOutside adds to the batch what makes the set hold the outside addresses;
// the set goes with the table, so each attach fills it again.
func (n *ruleset) fillOutside(c *nftables.Conn, t *nftables.Table) (*nftables.Set, error) {
	set := outsideSet(t)
	if err := c.AddSet(set, nil); err != nil {
		return nil, fmt.Errorf("nftables set of outside addresses: %w", err)
	}
	c.FlushSet(set)
	if err := c.SetAddElements(set, n.outside); err != nil {
		return nil, fmt.Errorf("nftables set of outside addresses: %w", err)
	}
	return set, nil
}

func (n *ruleset) filterFD() int { return -1 }

// attachFilter puts the classic filter on the socket; there is no program.
func (n *ruleset) attachFilter(fd int) error {
	filter := classicFilter(n.first, n.last, n.routed)
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// close takes away a table in which nothing hangs any more.
func (n *ruleset) close() error {
	left, err := chains()
	if err != nil || len(left) > 0 {
		return err
	}
	return removeTable()
}

func deviceName(ifindex int) (string, error) {
	link, err := netlink.LinkByIndex(ifindex)
	if err != nil {
		return "", fmt.Errorf("device %d: %w", ifindex, err)
	}
	return link.Attrs().Name, nil
}
