package nic

import (
	"net"
	"net/netip"
)

// Heard is what came back to a MAC address that is not the NIC's.
type Heard struct {
	MAC       net.HardwareAddr // that the frames were sent from
	DHCP      netip.Addr       // server that made an offer; invalid if none
	Offered   netip.Addr       // address that it offered
	Broadcast bool             // the offer was broadcast, not sent to MAC
	Gateway   netip.Addr       // that was asked for by ARP; invalid if there is none by this device
	Answered  bool             // the gateway answered
	Taken     []netip.Addr     // addresses of the host that another machine answered for
}

// Passed reports whether a frame to that address came in: the network takes
// frames from such addresses, and delivers to them.
func (h *Heard) Passed() bool {
	return h != nil && (h.Answered || h.DHCP.IsValid() && !h.Broadcast)
}

// judgeHeard words what Ask heard. Silence proves nothing.
func judgeHeard(f Facts) (list []Finding) {
	h := f.Heard
	if h == nil {
		return nil
	}
	for _, a := range h.Taken {
		list = append(list, warning("address", "find the machine that has it", "another machine has the host's address %s", a)...)
	}
	if h.Answered {
		list = append(list, fine("probe", "heard: the gateway %s answered to a MAC address that is not the NIC's", h.Gateway)...)
	}
	if h.DHCP.IsValid() && !h.Broadcast {
		list = append(list, fine("probe", "heard: the DHCP server %s offered %s to a MAC address that is not the NIC's; no lease was taken", h.DHCP, h.Offered)...)
	}
	if !h.Passed() {
		list = append(list, warning("probe", "mode nat works without: ubridge net create NAME; or allow other MAC addresses where the network is managed (port security, 802.1X)",
			"not heard: %s, to a MAC address that is not the NIC's (%s): the network drops such frames, or there is nobody to answer", h.silence(), h.MAC)...)
	}
	return list
}

// silence tells who did not answer.
func (h *Heard) silence() string {
	switch {
	case h.DHCP.IsValid():
		return "the DHCP server " + h.DHCP.String() + " answered by broadcast only, so frames go out; nothing came"
	case h.Gateway.IsValid():
		return "neither a DHCP server nor the gateway " + h.Gateway.String() + " answered"
	}
	return "no DHCP server answered, and the host has no gateway by it to ask"
}
