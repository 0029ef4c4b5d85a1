package nic

import (
	"os"
	"path/filepath"
	"strings"
)

// Platform is what the machine's DMI table says it is (SMBIOS); all empty on
// machines without one.
type Platform struct {
	Vendor   string // of the system
	Product  string
	AssetTag string // of the chassis
}

// readPlatform reads the table as sysfs shows it; everybody may read these.
func readPlatform(dir string) Platform {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	}
	return Platform{Vendor: read("sys_vendor"), Product: read("product_name"), AssetTag: read("chassis_asset_tag")}
}

// place is a hypervisor or cloud whose network is known to be particular about
// MAC addresses.
type place struct {
	name string
	is   func(Platform) bool
	// closed: nobody outside the provider can make it accept other addresses.
	closed bool
	fix    string // where it can be made to
}

func vendor(prefix string) func(Platform) bool {
	return func(p Platform) bool { return strings.HasPrefix(p.Vendor, prefix) }
}

func product(prefix string) func(Platform) bool {
	return func(p Platform) bool { return strings.HasPrefix(p.Product, prefix) }
}

func asset(tag string) func(Platform) bool {
	return func(p Platform) bool { return p.AssetTag == tag }
}

// places are told apart as cloud-init's ds-identify does; the first that fits
// counts.
var places = []place{
	{name: "Amazon EC2", is: vendor("Amazon EC2"), closed: true},
	{name: "Google Compute Engine", is: product("Google Compute Engine"), closed: true},
	{name: "Microsoft Azure", is: asset("7783-7084-3265-9085-8269-3286-77"), closed: true},
	{name: "Oracle Cloud", is: asset("OracleCloud.com"), closed: true},
	{name: "Alibaba Cloud", is: vendor("Alibaba Cloud"), closed: true},
	{name: "DigitalOcean", is: vendor("DigitalOcean"), closed: true},
	{name: "Hetzner Cloud", is: vendor("Hetzner"), closed: true},
	{name: "Vultr", is: vendor("Vultr"), closed: true},
	{name: "Scaleway", is: vendor("Scaleway"), closed: true},
	{name: "UpCloud", is: vendor("UpCloud"), closed: true},
	{name: "OpenStack", is: func(p Platform) bool { return vendor("OpenStack")(p) || product("OpenStack")(p) },
		fix: "openstack port set --no-security-group --disable-port-security PORT, or allowed address pairs"},
	{name: "Hyper-V", is: func(p Platform) bool { return vendor("Microsoft")(p) && product("Virtual Machine")(p) },
		fix: "on the Hyper-V host: Set-VMNetworkAdapter -VMName VM -MacAddressSpoofing On"},
	{name: "VMware", is: vendor("VMware"),
		fix: "accept promiscuous mode and forged transmits on the port group, or use MAC learning there"},
	{name: "VirtualBox", is: vendor("innotek"), fix: "set the adapter's promiscuous mode to Allow All (VBoxManage modifyvm VM --nicpromisc1 allow-all)"},
	{name: "QEMU", is: vendor("QEMU"), fix: "where this machine's NIC is a macvtap: <interface trustGuestRxFilters='yes'>; behind a bridge they pass"},
}

// cloudDrivers are NICs that only one network has.
var cloudDrivers = map[string]string{"ena": "Amazon EC2", "gve": "Google Compute Engine", "mana": "Microsoft Azure"}

// where tells which of the places the device's network belongs to; nil for none.
func where(f Facts) *place {
	if f.Kind != "device" {
		return nil // a virtual network of this host
	}
	for i := range places {
		if places[i].is(f.Platform) || cloudDrivers[f.Driver] == places[i].name {
			return &places[i]
		}
	}
	return nil
}

// judgePlatform gives the hint that the machine's kind is.
func judgePlatform(f Facts) []Finding {
	p := where(f)
	if p == nil || f.Heard.Passed() {
		return nil
	}
	try := "find out: ubridge doctor --uplink " + f.Name + " --probe"
	if f.Heard != nil {
		try = useNAT
	}
	if p.closed {
		return warning("platform", try+"; or mode nat: ubridge net create NAME",
			"this machine is of %s, whose network is known to deliver to no MAC address but the one that it gave", p.name)
	}
	return warning("platform", try+"; "+p.fix, "this is a virtual machine of %s, which may drop frames of MAC addresses other than its own", p.name)
}
