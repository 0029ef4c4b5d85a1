package gateway_test

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"ubridge/dataplane"
)

// The gateway is announced on the port that asks for it and on no other.
func TestAnnounce(t *testing.T) {
	b := newBed(t)
	b.w.PostCycle(func(own *dataplane.Cycle) { b.r.Announce(own, bridgeID, guestPort) })
	b.do(func(*dataplane.Worker) {})
	p := gopacket.NewPacket(b.one(b.guest), layers.LayerTypeEthernet, gopacket.Default)
	arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok {
		t.Fatalf("no ARP packet: %v", p)
	}
	eth := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if eth.DstMAC.String() != "ff:ff:ff:ff:ff:ff" || eth.SrcMAC.String() != station.String() {
		t.Errorf("from %s to %s", eth.SrcMAC, eth.DstMAC)
	}
	if arp.Operation != layers.ARPRequest || string(arp.SourceProtAddress) != string(arp.DstProtAddress) {
		t.Errorf("no announcement: %+v", arp)
	}
	if string(arp.SourceHwAddress) != string(station[:]) || string(arp.SourceProtAddress) != string(gatewayIP[:]) {
		t.Errorf("it announces %x at %v", arp.SourceHwAddress, arp.SourceProtAddress)
	}
	if sent := b.uplink.Sent(); len(sent) != 0 {
		t.Errorf("%d frames on the uplink", len(sent))
	}
}
