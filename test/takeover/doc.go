// Package takeover tests `ubridge import` on a host: networks of other tools come
// with their leases, ubridge takes the place of a running network of libvirt's
// with guests on it, and each is taken back.
//
// # Theory of operation
//
// The host of package lab has a mount namespace of its own, in which /etc, /run and
// /var/lib are written to without the machine's being touched. There a script
// plays virsh, with a kernel bridge and a dnsmasq as libvirt starts them; with
// UBRIDGE_LIBVIRT, a folder into which Debian's packages of libvirt are unpacked
// (test/setup/libvirt, called by `make test-full`), libvirtd itself runs there, in
// that namespace only.
package takeover
