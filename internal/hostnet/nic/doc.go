// Package nic tells whether a network device can be shared by a network in mode
// bridge, and why not.
//
// # Theory of operation
//
// Sharing means that guests' frames leave by the device with the guests' own
// MAC addresses, and that frames for those addresses come in by it, while the
// host's addresses stay where they are. Look asks the kernel for everything
// that decides about it; Judge, which is pure, turns those Facts into Findings,
// each with the fix; Refusal is the error that stops a network from being
// created or started. So doctor and the daemon never disagree, and kinds of
// device that a machine does not have are judged in tests all the same:
//
//	Look(name) → Facts (+ Role, Heard) → Judge → []Finding → Refusal
//
// Whether the network behind the device accepts frames from MAC addresses other
// than the host's cannot be seen on the host. Facts of the machine give a hint
// (a cloud's name in its DMI table, a driver); Ask finds out, by sending a few
// frames from such an address and listening for answers to it. Nothing else
// here sends or changes anything.
//
// # Network namespaces and concurrency
//
// Devices are those of the calling thread's namespace. The DMI table and PCI
// functions are the machine's. No state is kept; everything may be called
// concurrently.
//
// # Standards and sources
//
// linux/if_link.h (IFLA_MASTER, IFLA_VFINFO_LIST, IFLA_XDP), linux/nl80211.h,
// linux/ethtool.h, IEEE 802.11-2020 §9.3.2.1 (three addresses in a station's
// frames: why an access point takes no foreign ones), SMBIOS 3.7 §7.2–7.4, RFC
// 2131 §4.4.1 (DHCPDISCOVER), RFC 5227 §2.1.1 (ARP probe).
package nic
