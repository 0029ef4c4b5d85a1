package dhcpd

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// maxClientID is the longest client identifier taken, in bytes: one option.
const maxClientID = 255

// client is who a message is from.
type client struct {
	id  string // option 61, or empty
	mac [6]byte
}

// message is what the engine reads out of a request. Absent addresses are
// invalid, not 0.0.0.0.
type message struct {
	packet    *dhcpv4.DHCPv4
	kind      dhcpv4.MessageType
	client    client
	ciaddr    netip.Addr
	giaddr    netip.Addr
	requested netip.Addr    // option 50
	server    netip.Addr    // option 54
	leaseTime time.Duration // option 51; 0: not asked for
	hostname  string        // option 12 as a label; empty: none, or not usable
}

// parse decodes a request; a verdict other than None says why it is ignored.
func parse(req []byte) (*message, Verdict) {
	packet, err := dhcpv4.FromBytes(req)
	if err != nil || unfold(packet, req) != nil {
		return nil, Malformed
	}
	if packet.OpCode != dhcpv4.OpcodeBootRequest {
		return nil, NotARequest
	}
	m := &message{packet: packet}
	if !m.readHardware() {
		return nil, BadHardware
	}
	if v := m.readKind(); v != None {
		return nil, v
	}
	if !m.readFields() {
		return nil, Malformed
	}
	return m, None
}

// unfold adds the options that the sender placed in the file and sname fields
// (option 52, RFC 2132 §9.3), in the order of RFC 3396 §5.
func unfold(packet *dhcpv4.DHCPv4, req []byte) error {
	const sname, file, end = 44, 108, 236 // offsets, RFC 2131 §2
	overload := packet.Options.Get(dhcpv4.OptionOptionOverload)
	if len(overload) != 1 {
		return nil
	}
	if overload[0]&1 != 0 {
		if err := packet.Options.FromBytes(req[file:end]); err != nil {
			return err
		}
	}
	if overload[0]&2 != 0 {
		return packet.Options.FromBytes(req[sname:file])
	}
	return nil
}

func (m *message) readHardware() bool {
	mac := m.packet.ClientHWAddr
	if m.packet.HWType != iana.HWTypeEthernet || len(mac) != len(m.client.mac) {
		return false
	}
	copy(m.client.mac[:], mac)
	return m.client.mac != [6]byte{} && mac[0]&1 == 0
}

func (m *message) readKind() Verdict {
	v, present := m.packet.Options[dhcpv4.OptionDHCPMessageType.Code()]
	if !present {
		return Bootp
	}
	if len(v) != 1 {
		return Malformed
	}
	m.kind = dhcpv4.MessageType(v[0])
	switch m.kind {
	case dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeDecline,
		dhcpv4.MessageTypeRelease, dhcpv4.MessageTypeInform:
		return None
	case dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak:
		return NotARequest
	}
	return UnsupportedType
}

func (m *message) readFields() bool {
	m.ciaddr = headerAddr(m.packet.ClientIPAddr)
	m.giaddr = headerAddr(m.packet.GatewayIPAddr)
	id := m.packet.Options.Get(dhcpv4.OptionClientIdentifier)
	m.client.id = string(id)
	if name, ok := Hostname(string(m.packet.Options.Get(dhcpv4.OptionHostName))); ok {
		m.hostname = name
	}
	var okRequested, okServer, okTime bool
	m.requested, okRequested = m.optionAddr(dhcpv4.OptionRequestedIPAddress)
	m.server, okServer = m.optionAddr(dhcpv4.OptionServerIdentifier)
	m.leaseTime, okTime = m.optionSeconds(dhcpv4.OptionIPAddressLeaseTime)
	return len(id) <= maxClientID && okRequested && okServer && okTime
}

func headerAddr(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	if a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// optionAddr returns an option's address, invalid if the option is absent or
// 0.0.0.0, and false if it is not four bytes.
func (m *message) optionAddr(code dhcpv4.OptionCode) (netip.Addr, bool) {
	v, present := m.packet.Options[code.Code()]
	if !present {
		return netip.Addr{}, true
	}
	return headerAddr(v), len(v) == 4
}

func (m *message) optionSeconds(code dhcpv4.OptionCode) (time.Duration, bool) {
	v, present := m.packet.Options[code.Code()]
	if !present || len(v) != 4 {
		return 0, !present
	}
	return time.Duration(binary.BigEndian.Uint32(v)) * time.Second, true
}

// wants reports whether the client listed the option in its parameter request
// list. One without a list is given everything (RFC 2131 §3.5).
func (m *message) wants(code dhcpv4.OptionCode) bool {
	list := m.packet.Options.Get(dhcpv4.OptionParameterRequestList)
	return len(list) == 0 || bytes.IndexByte(list, code.Code()) >= 0
}

// room is the largest reply, in bytes of UDP payload, that the client takes:
// option 57 counts the IP and UDP headers, and is 576 at least (RFC 2132 §9.10).
func (m *message) room() int {
	const headers, least, most = 28, 576, 1500
	size := least
	if v := m.packet.Options.Get(dhcpv4.OptionMaximumDHCPMessageSize); len(v) == 2 {
		size = int(binary.BigEndian.Uint16(v))
	}
	return min(max(size, least), most) - headers
}
