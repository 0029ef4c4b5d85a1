package dhcpd

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const (
	serverPort = 67 // also where a relay listens
	clientPort = 68
)

var (
	broadcastIP  = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	broadcastMAC = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// reply builds an OFFER or ACK; addr is invalid in the ACK to an INFORM, which
// carries no lease (RFC 2131 §4.3.5).
func (e *Engine) reply(r *request, verdict Verdict, kind dhcpv4.MessageType, addr netip.Addr) Result {
	p := e.envelope(r, kind)
	p.ClientIPAddr = net.IP(r.ciaddr.AsSlice())
	if kind == dhcpv4.MessageTypeOffer {
		p.ClientIPAddr = nil // RFC 2131 table 3
	}
	if addr.IsValid() {
		p.YourIPAddr = net.IP(addr.AsSlice())
		e.setTimes(p, e.leaseTime(r))
	}
	e.setParameters(p, r)
	return e.deliver(p, r, Result{Verdict: verdict, Address: addr})
}

// refuse builds a NAK, which carries no parameters (RFC 2131 table 3).
func (e *Engine) refuse(r *request, addr netip.Addr, why string) Result {
	p := e.envelope(r, dhcpv4.MessageTypeNak)
	if r.giaddr.IsValid() {
		p.SetBroadcast() // the client's address is not to be used (§4.3.2)
	}
	p.UpdateOption(dhcpv4.OptMessage(why))
	return e.deliver(p, r, Result{Verdict: Nak, Address: addr, Reason: why})
}

// envelope is what every reply has (RFC 2131 table 3).
func (e *Engine) envelope(r *request, kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	p := &dhcpv4.DHCPv4{
		OpCode:        dhcpv4.OpcodeBootReply,
		HWType:        r.packet.HWType,
		TransactionID: r.packet.TransactionID,
		Flags:         r.packet.Flags,
		GatewayIPAddr: r.packet.GatewayIPAddr,
		ClientHWAddr:  r.packet.ClientHWAddr,
		Options:       dhcpv4.Options{},
	}
	p.UpdateOption(dhcpv4.OptMessageType(kind))
	p.UpdateOption(dhcpv4.OptServerIdentifier(net.IP(e.cfg.Server.AsSlice())))
	if r.client.id != "" { // RFC 6842 §3
		p.UpdateOption(dhcpv4.OptClientIdentifier([]byte(r.client.id)))
	}
	agent := r.packet.Options.Get(dhcpv4.OptionRelayAgentInformation)
	if r.giaddr.IsValid() && len(agent) > 0 { // RFC 3046 §2.2
		p.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionRelayAgentInformation, agent))
	}
	return p
}

// setTimes adds the lease time, and when to renew and to rebind
// (RFC 2131 §4.4.5). A lease without end is never renewed.
func (e *Engine) setTimes(p *dhcpv4.DHCPv4, d time.Duration) {
	p.UpdateOption(seconds(dhcpv4.OptionIPAddressLeaseTime, d))
	if d < InfiniteLease {
		p.UpdateOption(seconds(dhcpv4.OptionRenewTimeValue, d/2))
		p.UpdateOption(seconds(dhcpv4.OptionRebindingTimeValue, d/8*7))
	}
}

// seconds is an option of 32 bits; the codec's own goes through a float.
func seconds(code dhcpv4.OptionCode, d time.Duration) dhcpv4.Option {
	return dhcpv4.OptGeneric(code, binary.BigEndian.AppendUint32(nil, uint32(d/time.Second)))
}

// setParameters adds the subnet's options. The mask goes to everyone: a client
// that forgot to ask for it cannot do without it.
func (e *Engine) setParameters(p *dhcpv4.DHCPv4, r *request) {
	p.UpdateOption(dhcpv4.OptSubnetMask(net.CIDRMask(e.cfg.Subnet.Bits(), 32)))
	if r.wants(dhcpv4.OptionBroadcastAddress) {
		p.UpdateOption(dhcpv4.OptBroadcastAddress(net.IP(e.cfg.broadcast().AsSlice())))
	}
	if e.cfg.Router.IsValid() && r.wants(dhcpv4.OptionRouter) {
		p.UpdateOption(dhcpv4.OptRouter(net.IP(e.cfg.Router.AsSlice())))
	}
	if len(e.cfg.DNS) > 0 && r.wants(dhcpv4.OptionDomainNameServer) {
		p.UpdateOption(dhcpv4.OptDNS(netIPs(e.cfg.DNS)...))
	}
	if e.cfg.Domain != "" && r.wants(dhcpv4.OptionDomainName) {
		p.UpdateOption(dhcpv4.OptDomainName(e.cfg.Domain))
	}
	if e.cfg.MTU != 0 && r.wants(dhcpv4.OptionInterfaceMTU) {
		p.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, binary.BigEndian.AppendUint16(nil, e.cfg.MTU)))
	}
	e.setBoot(p, r)
	if r.host != nil && r.host.Name != "" && r.wants(dhcpv4.OptionHostName) {
		p.UpdateOption(dhcpv4.OptHostName(r.host.Name))
	}
}

// maxBootFile is what the field file holds beside its final zero (RFC 2131 §2).
const maxBootFile = 127

// setBoot names the file to boot in the fields of BOOTP, which every boot ROM
// reads, and in options to those that ask for them (RFC 2132 §9.4, §9.5).
func (e *Engine) setBoot(p *dhcpv4.DHCPv4, r *request) {
	if e.cfg.BootFile == "" {
		return
	}
	server := e.cfg.BootServer
	if !server.IsValid() {
		server = e.cfg.Server
	}
	p.BootFileName, p.ServerIPAddr = e.cfg.BootFile, net.IP(server.AsSlice())
	if r.wants(dhcpv4.OptionBootfileName) {
		p.UpdateOption(dhcpv4.OptBootFileName(e.cfg.BootFile))
	}
	if r.wants(dhcpv4.OptionTFTPServerName) {
		p.UpdateOption(dhcpv4.OptTFTPServerName(server.String()))
	}
}

func netIPs(addrs []netip.Addr) []net.IP {
	ips := make([]net.IP, len(addrs))
	for i, a := range addrs {
		ips[i] = net.IP(a.AsSlice())
	}
	return ips
}

// expendable are the options that a client can do without, least needed first.
var expendable = []dhcpv4.OptionCode{
	dhcpv4.OptionMessage, dhcpv4.OptionDomainName, dhcpv4.OptionHostName, dhcpv4.OptionBroadcastAddress,
}

// deliver encodes the reply, within what the client can take, and addresses it.
// The codec pads it to the 300 bytes that BOOTP relays and clients expect.
func (e *Engine) deliver(p *dhcpv4.DHCPv4, r *request, result Result) Result {
	result.Reply = p.ToBytes()
	for _, code := range expendable {
		if len(result.Reply) <= r.room() {
			break
		}
		p.DeleteOption(code)
		result.Reply = p.ToBytes()
	}
	e.address(&result, r)
	return result
}

// address chooses where the reply goes (RFC 2131 §4.1).
func (e *Engine) address(result *Result, r *request) {
	result.DstPort = clientPort
	unicast := r.client.mac
	switch {
	case r.giaddr.IsValid():
		result.DstIP, result.DstPort = r.giaddr, serverPort
	case result.Verdict == Nak:
		result.DstIP, result.DstMAC = broadcastIP, broadcastMAC
	case e.cfg.holds(r.ciaddr):
		result.DstIP, result.DstMAC = r.ciaddr, unicast
	case r.packet.IsBroadcast():
		result.DstIP, result.DstMAC = broadcastIP, broadcastMAC
	default:
		result.DstIP, result.DstMAC = result.Address, unicast
	}
}
