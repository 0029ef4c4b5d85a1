package nic

import (
	"fmt"
	"strings"
)

// Preference is where ubridge's tc filters are: before all others. Where the
// kernel has tcx, its program is there, and before all filters.
const Preference = 1

// IPv6MTU is the smallest that IPv6 works with, in bytes (RFC 8200 §5).
const IPv6MTU = 1280

// CheckLink is the Check of the finding on link and MTU.
const CheckLink = "link"

func judgeLink(f Facts) []Finding {
	switch {
	case !f.Up:
		return warning(CheckLink, "ip link set "+f.Name+" up; it is followed at once", "%s is down: guests reach each other, and neither the host nor the LAN", f.Name)
	case !f.Carrier:
		return warning(CheckLink, "plug in the cable; it is followed at once", "%s has no carrier: guests reach each other and the host, and no LAN", f.Name)
	case f.MTU < IPv6MTU:
		return warning(CheckLink, fmt.Sprintf("ip link set %s mtu 1500, if the LAN can", f.Name), "up, but an MTU of %d bytes is too small for IPv6", f.MTU)
	}
	return fine(CheckLink, "up, MTU %d bytes: guests' MTU must be at most that", f.MTU)
}

func judgeAddresses(f Facts) []Finding {
	if len(f.Duplicates) == 0 {
		return nil
	}
	return warning("address", "find the machine that has it (a guest that was cloned?)", "another machine has the host's address %s", f.Duplicates[0].Addr())
}

func judgeLRO(f Facts) []Finding {
	if !f.LRO {
		return nil
	}
	return fine("lro", "on: it is turned off while a network uses the NIC, since packets that it merged cannot be sent on, and put back after")
}

// judgeXDP looks for programs that see frames before anybody else.
func judgeXDP(f Facts) []Finding {
	if f.XDPMode == "" {
		return nil
	}
	return warning("xdp", "ip -d link show "+f.Name+" names it; ask who loaded it",
		"somebody's XDP program (%s) is on it: guests get nothing of what it drops or redirects", f.XDPMode)
}

// judgePrograms looks at tc filters and tcx programs that run where ours does.
func judgePrograms(f Facts) (list []Finding) {
	for _, p := range f.Programs {
		name := strings.TrimSpace(p.Kind + " " + p.Name)
		move := "move it to a higher preference (tc filter show dev " + f.Name + " egress)"
		switch {
		case p.Kind == "tcx":
			list = append(list, warning("tcx", "bpftool net show dev "+f.Name+" names it; it must return TCX_NEXT for what is ubridge's",
				"%s at egress runs before ubridge's program", name)...)
		case !f.Classic:
		case p.Preference == Preference && (p.Kind != "bpf" || !p.Every): // one kind and EtherType to a preference
			list = append(list, refused("tc", move, "%s has a %s filter at preference %d of egress, which ubridge needs", f.Name, name, Preference)...)
		case p.Preference == Preference:
			list = append(list, warning("tc", move, "%s at preference %d of egress may run before ubridge's program", name, Preference)...)
		}
	}
	return list
}

func judgeUnseen(f Facts) (list []Finding) {
	for _, what := range f.Unseen {
		list = append(list, warning("unseen", "ask again as root", "could not look at %s", what)...)
	}
	return list
}
