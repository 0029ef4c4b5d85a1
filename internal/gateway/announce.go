package gateway

import (
	"encoding/binary"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// arpLen is the length in bytes of an ARP packet for IPv4 on Ethernet (RFC 826).
const arpLen = 28

// Announce tells who is behind a port which MAC the gateway's address has: an ARP
// announcement (RFC 5227 §2.3), which a host takes over what it has cached. Until
// a device is a port, the host's own stack answers for the gateway there, as for
// any of its addresses on any of its devices, and with that device's MAC. It runs
// on the worker, with a cycle of own frames.
func (r *Router) Announce(own *dataplane.Cycle, br dataplane.BridgeID, port dataplane.PortID) {
	n := r.network(br)
	if n == nil {
		return
	}
	i, f := own.Originate()
	if f == nil {
		own.Drop(0, frame.NoBuffer)
		return
	}
	b := f.Grow(wire.EthernetLen + arpLen)
	putEthernet(b, wire.Broadcast, n.Station, wire.TypeARP)
	putAnnouncement(b[wire.EthernetLen:], n.Station, n.Gateway)
	own.ToPort(i, port)
}

// putAnnouncement writes an ARP request for addr, from addr itself.
func putAnnouncement(b []byte, mac wire.MAC, addr wire.IP4) {
	const ethernet, request = 1, 1
	binary.BigEndian.PutUint16(b[0:], ethernet)
	binary.BigEndian.PutUint16(b[2:], wire.TypeIPv4)
	b[4], b[5] = 6, 4 // lengths of the addresses
	binary.BigEndian.PutUint16(b[6:], request)
	copy(b[8:14], mac[:])
	copy(b[14:18], addr[:])
	clear(b[18:24])
	copy(b[24:28], addr[:])
}
