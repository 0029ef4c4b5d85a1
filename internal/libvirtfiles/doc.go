// Package libvirtfiles writes the two files in which libvirt's network driver says
// which guests have which addresses, for programs that read them: libnss-libvirt,
// scripts.
//
// # Theory of operation
//
// BRIDGE.status is an array of leases, BRIDGE.macs one of running guests with
// their MACs. Each is JSON with the keys, their order and the layout that libvirt
// gives it, of mode 0644, and is replaced by a rename, so that a reader sees a whole
// one. [Files.Run] writes what changed last, at most ten times a second, since a
// crowd of guests changes its leases one by one.
//
// The directory is the daemon's own, or libvirt's, where libnss-libvirt looks. In
// the latter a running network of libvirt with the same bridge keeps its files:
// [Open] refuses. A file that a stopped network left is replaced, and left in place
// at the end with the last leases: it is what libvirt's dnsmasq reads its leases
// from. A file that we made is removed.
//
// # Concurrency
//
// The setters may be called from any goroutine; Run is one.
//
// # Standards and sources
//
// libvirt's src/network/leaseshelper.c and src/util/virlease.c (status),
// src/util/virmacmap.c (macs), tools/nss (the reader).
package libvirtfiles
