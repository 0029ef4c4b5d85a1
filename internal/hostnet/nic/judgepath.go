package nic

import (
	"fmt"
	"strings"
)

// Preference is where ubridge's tc filters are: before all others.
const Preference = 1

// IPv6MTU is the smallest that IPv6 works with, in bytes (RFC 8200 §5).
const IPv6MTU = 1280

func judgeLink(f Facts) []Finding {
	switch {
	case !f.Up:
		return warning("link", "ip link set "+f.Name+" up; it is followed at once", "%s is down: guests reach each other, and no LAN", f.Name)
	case !f.Carrier:
		return warning("link", "plug in the cable; it is followed at once", "%s has no carrier: guests reach each other, and no LAN", f.Name)
	case f.MTU < IPv6MTU:
		return warning("link", fmt.Sprintf("ip link set %s mtu 1500, if the LAN can", f.Name), "up, but an MTU of %d bytes is too small for IPv6", f.MTU)
	}
	return fine("link", "up, MTU %d bytes: guests' MTU must be at most that", f.MTU)
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

// judgePrograms looks at tc filters and tcx programs that run where ours do.
func judgePrograms(f Facts) (list []Finding) {
	for _, p := range f.Programs {
		name := strings.TrimSpace(p.Kind + " " + p.Name)
		show := fmt.Sprintf("tc filter show dev %s %s", f.Name, p.Hook)
		switch {
		case p.Kind == "tcx":
			list = append(list, warning("tcx", "bpftool net show dev "+f.Name+" names it; it must return TCX_NEXT for what is ubridge's",
				"%s at %s runs before ubridge's programs", name, p.Hook)...)
		case p.Preference == Preference && (p.Kind != "bpf" || !p.Every): // one kind and EtherType to a preference
			list = append(list, refused("tc", "move it to a higher preference ("+show+")",
				"%s has a %s filter at preference %d of %s, which ubridge needs", f.Name, name, Preference, p.Hook)...)
		case p.Preference == Preference:
			list = append(list, warning("tc", "move it to a higher preference ("+show+")",
				"%s at preference %d of %s may run before ubridge's programs", name, Preference, p.Hook)...)
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
