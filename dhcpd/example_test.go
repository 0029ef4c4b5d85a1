package dhcpd_test

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"ubridge/dhcpd"
)

func ExampleEngine_Handle() {
	engine, err := dhcpd.New(dhcpd.Config{
		Server: netip.MustParseAddr("192.168.122.1"),
		Subnet: netip.MustParsePrefix("192.168.122.0/24"),
		Hosts: []dhcpd.Host{{
			MAC: [6]byte{0x52, 0x54, 0, 0, 0, 7}, Name: "web", IP: netip.MustParseAddr("192.168.122.20"),
		}},
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	discover, _ := dhcpv4.NewDiscovery(net.HardwareAddr{0x52, 0x54, 0, 0, 0, 7})

	result := engine.Handle(time.Now(), discover.ToBytes())

	fmt.Printf("%v %v, to %v port %d\n", result.Verdict, result.Address, result.DstIP, result.DstPort)
	// Output: offer 192.168.122.20, to 192.168.122.20 port 68
}
