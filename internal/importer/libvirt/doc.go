// Package libvirt reads libvirt's networks as they lie in its files: definitions,
// what is running, autostart, leases, and the domains that use a network.
//
// # Theory of operation
//
// The definition in /etc/libvirt/qemu/networks is what counts, read by
// config.ParseLibvirt; only a transient network is taken from its live state in
// /run/libvirt/network. Leases come from BRIDGE.status. Domains are looked through
// for interfaces of the network, since those name a network of libvirt's that
// will not be there when they start again; for each the element is printed that
// belongs in its place. No hypervisor is asked, so that the files of another host
// can be read; they are root's.
//
// # Standards
//
// The files of libvirt 9 to 11 as bridge_driver.c, leaseshelper.c and
// domain_conf.c write them.
package libvirt
